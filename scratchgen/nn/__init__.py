"""Layers with parameters, in PyTorch's shape: `from scratchgen import nn`."""

from . import init
from .activations import ELU, LeakyReLU, ReLU, Sigmoid, Softmax, Softplus, Tanh
from .containers import ModuleList, Sequential
from .convolution import Conv2d, ConvTranspose2d, MaskedConv2d
from .layers import Dropout, Embedding, Flatten, Linear, Maxout, Reshape
from .losses import BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, L1Loss, MSELoss
from .module import Module, Parameter
from .normalization import BatchNorm1d, BatchNorm2d, LayerNorm
from .recurrent import GRU, LSTM, GRUCell, LSTMCell
from .spectral import SpectralNorm, spectral_norm

__all__ = [
    "BCELoss", "BCEWithLogitsLoss", "BatchNorm1d", "BatchNorm2d", "Conv2d", "ConvTranspose2d", "CrossEntropyLoss",
    "Dropout", "ELU", "Embedding", "Flatten", "GRU", "GRUCell", "L1Loss", "LSTM", "LSTMCell", "LayerNorm", "LeakyReLU",
    "Linear", "MSELoss", "MaskedConv2d", "Maxout", "Module", "ModuleList", "Parameter", "ReLU", "Reshape", "Sequential",
    "Sigmoid", "Softmax", "Softplus", "SpectralNorm", "Tanh", "init", "spectral_norm",
]  # fmt: skip
