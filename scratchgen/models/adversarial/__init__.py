"""Adversarial models (적대적 모형): a generator and a discriminator, the games they play, and their theory."""

from .conditional import ACGAN, CGAN, DCHeads, InfoGAN, MLPHeads, SemiSupervisedGAN
from .gan import GAN
from .networks import DCDiscriminator, DCGenerator, MaxoutDiscriminator, MLPDiscriminator, MLPGenerator
from .objectives import OBJECTIVES, R1, GradientPenalty, Objective
from .unrolled import UnrolledGAN

__all__ = [
    "ACGAN", "CGAN", "DCDiscriminator", "DCGenerator", "DCHeads", "GAN", "GradientPenalty", "InfoGAN",
    "MLPDiscriminator", "MLPGenerator", "MLPHeads", "MaxoutDiscriminator", "OBJECTIVES", "Objective", "R1",
    "SemiSupervisedGAN", "UnrolledGAN",
]  # fmt: skip
