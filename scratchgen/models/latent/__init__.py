"""Latent-variable models (잠재변수 모델): autoencoders, and the VAE in two ways: through autograd, and by hand."""

from .autoencoder import Autoencoder
from .hand_vae import HandVAE
from .linear_gaussian import LinearGaussian
from .semi_supervised import M2
from .vae import VAE

__all__ = ["M2", "VAE", "Autoencoder", "HandVAE", "LinearGaussian"]
