"""MADE: any multilayer perceptron, masked until it is autoregressive; and mixtures of such models."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import backend, nn
from ... import functional as F
from ...autograd import Tensor
from ...nn.init import generator
from .model import Autoregressive
from .orders import Ordered

__all__ = ["MADE", "MaskedLinear", "Mixture"]


class MaskedLinear(nn.Linear):
    """y = (W ∘ M) x + b, with Mₖⱼ = 1 where degreeₖ ≥ degreeⱼ, else 0.

    Eq. 3.14 (derivations/03-conditionals.md#eq-3-14). The degree of a unit is how many pixels, the first ones of the
    order, it may know of: `degrees_in` of the units that are read, `degrees` of the layer's own, arrays of integers.
    """

    def __init__(self, degrees_in: Any, degrees: Any, rng: Any = None) -> None:
        super().__init__(len(degrees_in), len(degrees), rng=rng)
        self.degrees_in = degrees_in.copy()  # the layer's own, so that it is moved with the layer
        self.degrees = degrees.copy()

    @property
    def mask(self) -> Any:
        """M (out, in), True and False."""
        return self.degrees[:, None] >= self.degrees_in

    def forward(self, x: Any) -> Any:
        return F.linear(x, self.weight * self.mask, self.bias)


class MADE(Ordered):
    """The logits of all conditionals as the output of one masked perceptron with ReLUs.

    Eqs. 3.14 and 3.15 (derivations/03-conditionals.md#eq-3-14). For bits x (N, *shape), D in all; `hidden` units in
    each hidden layer (without any it is an FVSBN); `order` as in `Ordered`, raster order if None; `rng` draws the first
    weights, and which hidden unit gets which degree. A conditional can depend on *all* pixels before it only if each
    hidden layer has at least D − 1 units (Eq. 3.16); with fewer, some dependencies are missing.
    Source: M. Germain, K. Gregor, I. Murray, H. Larochelle, *MADE*, ICML 2015.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        hidden: Sequence[int] = (500,),
        order: Sequence[int] | None = None,
        rng: Any = None,
    ) -> None:
        super().__init__(shape, order)
        self.hidden = tuple(hidden)
        rng = generator(rng)
        spread = [rng.permutation(spread_degrees(units, len(self.rank), rng)) for units in self.hidden]
        # A pixel knows of itself: it is number rank + 1. Its conditional may know of the pixels before it only.
        degrees = [self.rank + 1, *spread, self.rank]
        self.layers: Any = nn.ModuleList(MaskedLinear(a, b, rng) for a, b in itertools.pairwise(degrees))

    def logits(self, x: Any, condition: Any = None) -> Tensor:
        self.check_input(x, condition)
        *hidden, last = self.layers
        h = F.reshape(x, (len(x), len(self.rank)))
        for layer in hidden:
            h = F.relu(layer(h))
        return F.reshape(last(h), x.shape)

    def remasked(self, order: Sequence[int], rng: Any = None) -> MADE:
        """The same weights, shared and not copied, behind other masks: another order, and new degrees of the hidden
        units. A member for a `Mixture`."""
        other = MADE(self.shape, self.hidden, order, rng).to(backend.device_of(self.like))
        for theirs, mine in zip(other.layers, self.layers):
            theirs.weight, theirs.bias = mine.weight, mine.bias
        return other


def spread_degrees(units: int, size: int, rng: Any) -> np.ndarray:
    """Degrees of `units` hidden units, evenly over 1 … D − 1: none is left out where there are D − 1 units or more.

    Eq. 3.19 (derivations/03-conditionals.md#eq-3-19). Where there are fewer, `rng` decides which are left out.
    """
    offset = rng.integers(size - 1) if size > 1 else 0
    return 1 + (np.arange(units) * (size - 1) + offset) // max(units, 1)


class Mixture(Autoregressive):
    """p(x) = (1/K) Σₖ pₖ(x): the mean of the members' *probabilities*, which is one again.

    Eq. 3.17 (derivations/03-conditionals.md#eq-3-17). Members are models of the same images, of different orders,
    masks or both; they may share weights, as those of `MADE.remasked` do:

        made = MADE((784,), (500,), rng=rng)
        model = Mixture([made, *(made.remasked(rng.permutation(784), rng) for _ in range(7))])

    A mixture of orders has no order and no conditionals of its own: `logits` and `scan` raise, its members' do not.
    Raises `ValueError` for members that are models of different images.
    """

    def __init__(self, members: Sequence[Autoregressive]) -> None:
        kinds = {(member.shape, member.levels, member.classes) for member in members}
        if len(kinds) != 1:
            raise ValueError(
                f"Mixture: expected members for the same images, got (shape, levels, classes) {sorted(kinds, key=str)}"
            )
        super().__init__(*kinds.pop())
        self.members: Any = nn.ModuleList(members)

    def logits(self, x: Any, condition: Any = None) -> Tensor:
        raise ValueError(
            "Mixture: the conditionals of a mixture of orders are not those of any one order; ask one of .members"
        )

    def log_prob(self, x: Any, condition: Any = None, **how: Any) -> Tensor:
        """ln p(x) = ln Σₖ pₖ(x) − ln K, nats (N,).  Eq. 3.17 (derivations/03-conditionals.md#eq-3-17)"""
        self.check(x.data if isinstance(x, Tensor) else x, condition)
        each = F.stack([member.log_prob(x, condition, **how) for member in self.members])
        return F.logsumexp(each, 0) - math.log(len(self.members))

    def loss(self, x: Any, *condition_and_rng: Any) -> tuple[Tensor, dict[str, Any]]:
        """In training that of one member, the same for the whole minibatch, drawn with `rng`: on average an upper bound
        of what it is in use, −ln of the mixture.  Eq. 3.18 (derivations/03-conditionals.md#eq-3-18)"""
        if not self.training:
            return super().loss(x, *condition_and_rng)
        *_, rng = condition_and_rng
        return self.members[int(rng.integers(len(self.members)))].loss(x, *condition_and_rng)

    def complete(self, x: Any, known_mask: Any, rng: Any, condition: Any = None) -> Any:
        """As `Autoregressive.complete`, by a member that is drawn for each image; `sample` likewise.

        All members are as likely, whatever the known elements say.
        """
        mask = self.checked_mask(x, known_mask)
        self.check_condition(len(x), condition)
        u = backend.to_host(backend.uniform(rng, (len(x),), self.like))
        chosen = (u.astype(np.float64) * len(self.members)).astype(int)
        out = np.zeros_like(self.like, shape=(len(x), *self.shape))
        for k in np.unique(chosen).tolist():
            rows = backend.to_device(np.flatnonzero(chosen == k), backend.device_of(out))
            given = None if condition is None else condition[rows]
            out[rows] = self.members[k].complete(x[rows], mask[rows], rng, given)
        return out
