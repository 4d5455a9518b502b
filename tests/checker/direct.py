"""A student without a process of their own: the same calls and the same rules, run here. For our own functions only."""

from __future__ import annotations

import textwrap
from typing import Any, NamedTuple

import numpy as np

from scratchgen.checker.exercises import EXERCISES
from scratchgen.checker.judge import Judged, judge
from scratchgen.checker.messages import LANGUAGES, say
from scratchgen.checker.sandbox import Here as Direct


class Variant(NamedTuple):
    """A way to write an exercise, as source text. `why`: the code that explains it first, or several that are as good;
    empty for one that is right."""

    exercise: str
    name: str
    source: str
    why: tuple[str, ...] = ()

    def judged(self, seed: int = 0) -> list[Judged]:
        scope: dict[str, Any] = {"np": np}
        exec(textwrap.dedent(self.source), scope)
        functions = {k: v for k, v in scope.items() if callable(v)}
        return judge(EXERCISES[self.exercise], Direct(functions), seed)


def causes(judged: list[Judged]) -> list[str]:
    """The codes of all explanations, those that only locate left out."""
    return [e.code for j in judged for e in j.explanations if not e.located]


def told(variant: Variant) -> str | None:
    """The code of what a wrong variant is told first; all that it is told is said whole, in both languages."""
    judged = variant.judged()
    assert "wrong" in [j.status for j in judged], [j.failure for j in judged]
    explanations = [e for j in judged for e in j.explanations]
    for e in explanations:
        for language in LANGUAGES:
            said = say(e.code, language, {"arrays": ", ".join(e.covers), **e.facts})
            assert "{" not in said.why + said.fix, said
    return explanations[0].code if explanations else None
