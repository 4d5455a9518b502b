"""What an exercise is: a function to write, inputs to try it on, the right answer, and what is known of wrong ones.

The right answers are plain NumPy in float64 and nothing else, so that a student who has given up can read them. That
they are right is proved by complex steps (`scratchgen.checker.numerics`), for which they have to be *analytic*: no
`abs`, no `max` of the whole, no `float(…)`; where a formula needs one, it takes the real part first.

An exercise is written in three lines or in thirty; only the first three are needed to judge, all others to explain:

    Exercise("linear", linear_forward, linear_backward, {"x": "ND", "weight": "HD", "bias": "H"}, …)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

__all__ = ["SIZES", "Exercise", "Mistake", "Task"]

Arguments = dict[str, Any]  # by name: arrays, and plain numbers
Arrays = dict[str, np.ndarray]

# Three shapes for each letter. In two they differ, so that a factor of 8 can only be N, and no product of them is
# another one's, or a constant, in all three. In the third most are 7, so that a transposed array has the right shape,
# and gets through to where it can be told from the right one.
SIZES: dict[str, tuple[int, int, int]] = {
    "N": (8, 10, 7),  # of a minibatch
    "M": (4, 5, 3),  # of a minibatch of images
    "D": (9, 13, 7),  # inputs
    "H": (11, 8, 7),  # outputs, hidden units
    "K": (12, 9, 7),  # classes
    "J": (7, 11, 7),  # latent dimensions
    "C": (2, 5, 2),  # channels
    "F": (4, 3, 2),  # channels made
    "Y": (5, 5, 6),  # rows of an image
    "X": (6, 7, 6),  # columns
    "P": (2, 3, 3),  # rows of a kernel
    "Q": (3, 2, 3),  # columns
    "I": (5, 3, 4),  # rows of a small image
    "L": (3, 5, 4),  # columns
}


@dataclass(frozen=True)
class Mistake:
    """A wrong formula that is known to be written, under the code of its explanation.

    `forward` is what was computed instead: its exact derivative is then what a consistent backward gives. `backward`
    is for mistakes that are made in the derivative alone; it may return some of the gradients only.
    """

    code: str
    forward: Callable[..., Any] | None = None
    backward: Callable[..., Arrays] | None = None


@dataclass(frozen=True, eq=False)
class Exercise:
    """One function of the course, and its derivative where it has one.

    | field | says |
    |---|---|
    | `forward` | the reference: inputs → an array, or a dict of named arrays |
    | `backward` | its derivative: (dout, inputs) → {"dx": …}; of a loss, a single number, without `dout`; where the
      outputs have names, "h" and "c", with `dh` and `dc` instead |
    | `inputs` | each a string of letters of `SIZES` (drawn standard normal), or a function (rng, sizes) → value |
    | `letters` | those of `SIZES` that only functions in `inputs` use |
    | `made` | sizes that follow from them: (sizes) → {"R": rows of the output} |
    | `contract` | what the student is told: formula, shapes, sum or mean |
    | `equations` | those of the derivations: "13.3" |
    | `page` | "13-gaussian-kl.md" |
    | `kinks` | inputs at which the derivative is a convention: a function (rng, sizes) → inputs; shown, not judged |
    | `stress` | inputs at which a naive form overflows: likewise |
    | `quantities` | (arguments) → named arrays or numbers that a wrong answer may have lost, or have once too often |
    | `terms` | (arguments) → {"dx": {"direct path": …, "mean path": …}}: parts whose sum is the right answer |
    | `mistakes` | known wrong formulas |
    | `where` | (arguments) → {"dx": {"where x ≤ 0": booleans}}: places that have a name |
    """

    name: str
    forward: Callable[..., Any]
    backward: Callable[..., Arrays] | None
    inputs: Mapping[str, str | Callable[[np.random.Generator, dict[str, int]], Any]]
    contract: str
    page: str
    equations: Sequence[str] = ()
    letters: str = ""
    made: Callable[[dict[str, int]], dict[str, int]] | None = None
    kinks: Callable[[np.random.Generator, dict[str, int]], Arguments] | None = None
    stress: Callable[[np.random.Generator, dict[str, int]], Arguments] | None = None
    quantities: Callable[..., Mapping[str, Any]] | None = None
    terms: Callable[..., Mapping[str, Mapping[str, Any]]] | None = None
    where: Callable[..., Mapping[str, Mapping[str, Any]]] | None = None
    mistakes: Sequence[Mistake] = ()

    @cached_property
    def douts(self) -> tuple[str, ...]:
        """The gradients from above that the backward gets: `dout`, or where outputs have names, `dh` for "h"."""
        parameters = inspect.signature(self.backward).parameters if self.backward else ()
        return tuple(name for name in parameters if name not in self.inputs)

    @property
    def is_loss(self) -> bool:
        """Whether the output is the end of the chain, a single number: then there is nothing above it."""
        return self.backward is not None and not self.douts

    def paired(self, outputs: Arrays, arguments: Arguments) -> Any:
        """Σ dout · out, the number whose derivative the backward is; of a loss, the loss."""
        return sum(np.sum(arguments.get(f"d{name}", 1.0) * out) for name, out in outputs.items())

    @cached_property
    def tasks(self) -> tuple[Task, ...]:
        """The functions to write: `name_forward` and `name_backward`; or `name` alone, without a derivative."""
        if self.backward is None:
            return (Task(self, self.name, self.forward),)
        return (
            Task(self, f"{self.name}_forward", self.forward),
            Task(self, f"{self.name}_backward", self.backward),
        )

    def sizes(self, shape: int) -> dict[str, int]:
        """The letters that stand in `inputs` and `letters`, and their sizes in the shape number 0, 1 or 2."""
        used = set(self.letters).union(*(letters for letters in self.inputs.values() if isinstance(letters, str)))
        sizes = {letter: several[shape] for letter, several in SIZES.items() if letter in used}
        return {**sizes, **(self.made(sizes) if self.made else {})}

    def arguments(self, rng: np.random.Generator, shape: int) -> Arguments:
        """Inputs of that shape, and a random gradient `dout` of the output: never ones, which hide half of all bugs."""
        return self.with_douts(rng, self.draw(rng, shape))

    def with_douts(self, rng: np.random.Generator, inputs: Arguments) -> Arguments:
        outputs = named(self.forward(**inputs)) if self.douts else {}
        return {**{dout: rng.standard_normal(outputs[dout.removeprefix("d")].shape) for dout in self.douts}, **inputs}

    def draw(self, rng: np.random.Generator, shape: int) -> Arguments:
        """Inputs of that shape."""
        sizes = self.sizes(shape)
        return {
            name: make(rng, sizes) if callable(make) else rng.standard_normal([sizes[letter] for letter in make])
            for name, make in self.inputs.items()
        }


@dataclass(frozen=True, eq=False)
class Task:
    """One function that a student hands in: its name, and the right answer."""

    exercise: Exercise
    name: str
    reference: Callable[..., Any]

    @property
    def is_backward(self) -> bool:
        return self.reference is self.exercise.backward

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """What it gets: `dout` first where it takes one, then all inputs."""
        return tuple(inspect.signature(self.reference).parameters)

    @property
    def forward_name(self) -> str | None:
        """The function whose cache a backward may take."""
        return f"{self.exercise.name}_forward" if self.is_backward else None

    @property
    def returns(self) -> tuple[str, ...]:
        """The names of what it returns, in order."""
        return tuple(self._example)

    @property
    def outputs_of_forward(self) -> int:
        """How many arrays the forward returns, before a cache."""
        return len(self.exercise.tasks[0].returns)

    @cached_property
    def _example(self) -> Arrays:
        return self.right(self.exercise.arguments(np.random.default_rng(0), 0))

    def right(self, arguments: Arguments) -> Arrays:
        """The right answers, by name; one that has no name is called "out"."""
        return named(self.reference(**{name: arguments[name] for name in self.parameters}))


def named(result: Any) -> Arrays:
    """A result as a dict of arrays."""
    result = result if isinstance(result, Mapping) else {"out": result}
    return {name: np.asarray(array) for name, array in result.items()}
