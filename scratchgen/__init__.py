"""scratchgen: the generative-models course that runs."""

from . import functional
from .autograd import Tensor, detect_anomaly, grad, no_grad, primitive, tensor

__all__ = ["Tensor", "detect_anomaly", "functional", "grad", "no_grad", "primitive", "tensor"]
