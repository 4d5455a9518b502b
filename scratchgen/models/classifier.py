"""A digit classifier (분류기): the smallest model that learns p(y|x), and so the first that the training loop runs."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from .. import nn
from ..autograd import Tensor, no_grad

__all__ = ["MLPClassifier"]


class MLPClassifier(nn.Module):
    """p(y|x) = softmax(W₂ relu(W₁x + b₁) + b₂), trained on −ln p(y|x).

    Eq. 0.72 (derivations/00-autograd.md#eq-0-72)
    """

    def __init__(self, pixels: int = 784, hidden: int = 400, classes: int = 10, rng: Any = None) -> None:
        self.hidden = nn.Linear(pixels, hidden, init=nn.init.he_normal, rng=rng)
        self.output = nn.Linear(hidden, classes, rng=rng)

    def forward(self, x: Any) -> Tensor:
        """The logits (N, classes) of images (N, pixels)."""
        return self.output(F.relu(self.hidden(x)))

    def predict(self, x: Any) -> Any:
        """The most probable class of each image: a raw integer array (N,)."""
        with no_grad():
            return self(x).argmax(1)

    def loss(self, x: Any, labels: Any, rng: Any = None) -> tuple[Tensor, dict[str, Any]]:
        """The cross-entropy in nats per image, and the share of right answers in %; `rng` is unused."""
        logits = self(x)
        loss = F.cross_entropy(logits, labels)
        labels = labels.data if isinstance(labels, Tensor) else labels
        right = (logits.argmax(1) == labels).mean(dtype=logits.dtype)
        return loss, {"cross-entropy": loss.data, "accuracy %": 100 * right}
