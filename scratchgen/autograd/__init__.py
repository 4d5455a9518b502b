"""Tensors that remember how they were made, and the backward walk."""

from .engine import Tensor, detect_anomaly, grad, no_grad, primitive, tensor
from .gradcheck import GradcheckError, SuspectedKink, gradcheck, gradgradcheck

__all__ = [
    "GradcheckError", "SuspectedKink", "Tensor", "detect_anomaly", "grad", "gradcheck", "gradgradcheck", "no_grad",
    "primitive", "tensor",
]  # fmt: skip
