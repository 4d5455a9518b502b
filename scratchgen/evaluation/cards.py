"""The protocol (프로토콜) of a measurement, printed beside its number.

"6.3 modes" and "1 mode" of the same GAN on the same ring of 8 are both published; radius, standard deviation, z, loss
and optimizers differ. A number without these says nothing, so a card that lacks one of them cannot be made.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

__all__ = ["Card"]


@dataclass(frozen=True)
class Card:
    """Under what circumstances a number was measured: all of them have to be given.

    What does not apply is said so, by "-", and not printed. Raises `TypeError` for a fact that is not given and
    `ValueError` for one that is empty.
    """

    data: str
    radius: Any  # of a ring, or the spacing of a grid
    std: Any  # of each mode
    z: Any  # dimensions of the latent variable, and its distribution
    objective: str
    optimizers: str
    steps: Any  # of the generator, and of the discriminator for each
    batch: Any
    samples: Any  # that the number is computed from
    seeds: Any  # how many, or which

    def __post_init__(self) -> None:
        for fact in fields(self):
            value = getattr(self, fact.name)
            if value is None or not str(value).strip():
                raise ValueError(f'Card: what about {fact.name}? Say what it was, or "-" if there is no such thing')

    def __str__(self) -> str:
        """One line for each fact."""
        facts = {fact.name: str(getattr(self, fact.name)) for fact in fields(self)}
        return "\n".join(f"  {name:12}{value}" for name, value in facts.items() if value != "-")
