"""Adversarial models (적대적 모형): a generator and a discriminator, the games they play, and the theory of these games."""

from .gan import GAN
from .networks import DCDiscriminator, DCGenerator, MaxoutDiscriminator, MLPDiscriminator, MLPGenerator
from .objectives import OBJECTIVES, R1, GradientPenalty, Objective
from .unrolled import UnrolledGAN

__all__ = [
    "GAN", "OBJECTIVES", "R1", "DCDiscriminator", "DCGenerator", "GradientPenalty", "MLPDiscriminator", "MLPGenerator",
    "MaxoutDiscriminator", "Objective", "UnrolledGAN",
]  # fmt: skip
