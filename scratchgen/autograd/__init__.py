"""Tensors that remember how they were made, and the backward walk."""

from .engine import Tensor, detect_anomaly, grad, no_grad, primitive, tensor

__all__ = ["Tensor", "detect_anomaly", "grad", "no_grad", "primitive", "tensor"]
