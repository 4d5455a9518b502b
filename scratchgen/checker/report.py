"""What was found, for a terminal, a notebook, a web page, a program, or Gradescope.

How much is told is a matter of the course: `verdict` (right or wrong), `where` (which numbers), `why` (the cause),
`fix` (what to do). None of them ever shows the right array, or the right formula.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .evidence import Explanation
from .judge import Judged, Note, Output
from .messages import say
from .sandbox import Failure

__all__ = ["HINTS", "Report"]

HINTS = ("verdict", "where", "why", "fix")
SCHEMA = "scratchgen.checker/1"
FORWARD = 0.3  # of an exercise's points, where both its functions are asked for; the gradients share the rest

WORDS = {
    "en": {
        "right": "right",
        "nearly": "nearly right",
        "wrong": "wrong",
        "of": "{wrong} of {total} numbers",
        "shape": "shape {got}, expected {expected}",
        "forward": {True: "Your forward is right.", False: "Your forward is wrong as well: begin there."},
        "misreading": "Your backward is the derivative of your forward, so this is one misreading, not two mistakes.",
        "inconsistent": "Nor is your backward the derivative of your own forward.",
        "evidence": "evidence: {numbers} numbers in {trials} tests agree with this.",
        "worst": "worst: {name}{index}  yours {yours:.6g}   right {right:.6g}",
        "unknown": "{arrays}: I cannot name the cause. {cosine}",
        "cosine": "The angle between yours and the right one has the cosine {value:.3f}.",
        "replay": "replay: --seed {seed}",
        "summary": "{right} of {total} functions right",
        "none": "there is no function of an exercise in this file; `python -m scratchgen exercises --list` names them",
        "checked": "{trials} tests, largest difference {difference:.0e}",
    },
    "ko": {
        "right": "맞음",
        "nearly": "거의 맞음",
        "wrong": "틀림",
        "of": "{total}개 중 {wrong}개",
        "shape": "모양 {got}, 기대한 모양 {expected}",
        "forward": {True: "순전파는 맞습니다.", False: "순전파도 틀렸습니다. 거기서부터 보세요."},
        "misreading": "역전파는 여러분의 순전파의 미분이 맞습니다. 실수 둘이 아니라 오해 하나입니다.",
        "inconsistent": "역전파는 여러분의 순전파의 미분도 아닙니다.",
        "evidence": "근거: {trials}번의 시험에서 숫자 {numbers}개가 이 설명과 일치합니다.",
        "worst": "가장 큰 차이: {name}{index}  제출 {yours:.6g}   정답 {right:.6g}",
        "unknown": "{arrays}: 원인을 알아내지 못했습니다. {cosine}",
        "cosine": "제출한 것과 정답 사이의 코사인은 {value:.3f}입니다.",
        "replay": "다시 해 보기: --seed {seed}",
        "summary": "함수 {total}개 중 {right}개가 맞습니다",
        "none": "이 파일에는 연습문제의 함수가 없습니다. `python -m scratchgen exercises --list`를 보세요",
        "checked": "시험 {trials}번, 가장 큰 차이 {difference:.0e}",
    },
}
MARKS = {"right": "✓", "wrong": "✗", "unjudged": "?"}
COLOURS = {"right": "32", "wrong": "31", "unjudged": "33"}


@dataclass(frozen=True)
class Report:
    """All that was found about one student's functions. `str(report)` is for a terminal; a notebook shows a table."""

    judged: tuple[Judged, ...]
    seed: int = 0
    failure: Failure | None = None  # of the file as a whole
    printed: str = ""
    hints: str = "fix"
    language: str = "en"
    points: dict[str, float] = field(default_factory=dict)  # of an exercise; 1 where nothing is said

    @property
    def ok(self) -> bool:
        """Everything that was judged is right, and something was."""
        return bool(self.judged) and not self.failure and all(j.status == "right" for j in self.judged)

    @property
    def exit_status(self) -> int:
        """0: all right; 1: something is wrong; 2: something could not be judged."""
        if self.failure or not self.judged or any(j.status == "unjudged" for j in self.judged):
            return 2
        return 0 if self.ok else 1

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return self.html(whole=False)

    # ------------------------------------------------------------------------------------------------------ for people
    def text(self, colour: bool = False) -> str:
        """For a terminal."""
        words = WORDS[self.language]
        if self.failure:
            return _mark("unjudged", colour) + " " + self._failed(self.failure)
        if not self.judged:
            return _mark("unjudged", colour) + " " + str(words["none"])
        blocks = [self._block(j, colour) for j in self.judged]
        right = sum(j.status == "right" for j in self.judged)
        return "\n".join([*blocks, "", str(words["summary"]).format(right=right, total=len(self.judged))])

    def _block(self, judged: Judged, colour: bool) -> str:
        first = f"{_mark(judged.status, colour)} {judged.task.name}"
        if judged.failure:
            return f"{first}  {self._failed(judged.failure)}"
        if judged.status == "right":
            return "\n".join([f"{first}  {self._passed(judged)}", *self._notes(judged)])
        lines = [first, "  " + "   ".join(self._output(output) for output in judged.outputs)]
        if self._tells("why"):
            lines += self._causes(judged)
        if self._tells("where"):
            lines += [self._worst(o) for o in judged.outputs if o.status == "wrong" and o.worst is not None][:2]
            lines.append("  " + str(WORDS[self.language]["replay"]).format(seed=self.seed))
        return "\n".join([*lines, *self._notes(judged)])

    def _passed(self, judged: Judged) -> str:
        largest = max((o.difference for o in judged.outputs), default=0.0)
        names = " ".join(o.name for o in judged.outputs)
        checked = str(WORDS[self.language]["checked"]).format(trials=judged.trials, difference=largest)
        return f"{names} {WORDS[self.language]['right']} ({checked})"

    def _output(self, output: Output) -> str:
        words = WORDS[self.language]
        said = f"{output.name} {words[output.status]}"
        if output.status != "wrong" or not self._tells("where"):
            return said
        if output.got != output.expected:
            return f"{said}: " + str(words["shape"]).format(got=output.got, expected=output.expected)
        return f"{said}: " + str(words["of"]).format(wrong=output.wrong, total=output.total)

    def _causes(self, judged: Judged) -> list[str]:
        words, lines = WORDS[self.language], []
        for e in judged.explanations:
            said = say(e.code, self.language, {"arrays": ", ".join(e.covers), **e.facts})
            lines.append(f"  WHY  {said.why}")
            if self._tells("fix"):
                lines.append(f"  FIX  {said.fix}")
            if e.numbers and not e.located:
                lines.append("  " + str(words["evidence"]).format(numbers=e.numbers, trials=judged.trials))
        if left := _unexplained(judged):
            cosine = left[0].cosine
            angle = str(words["cosine"]).format(value=cosine) if cosine is not None else ""
            names = ", ".join(output.name for output in left)
            lines.append("  WHY  " + str(words["unknown"]).format(arrays=names, cosine=angle).strip())
        if judged.consistent and judged.forward_right is False:
            lines.append(f"  {words['misreading']}")
        elif judged.forward_right is not None:
            lines.append(f"  {words['forward'][judged.forward_right]}")  # type: ignore[index]
            if judged.consistent is False and not judged.forward_right:
                lines.append(f"  {words['inconsistent']}")
        return lines

    def _worst(self, output: Output) -> str:
        assert output.worst is not None
        index, yours, right = output.worst
        where = str(list(index)) if index else ""
        return "  " + str(WORDS[self.language]["worst"]).format(name=output.name, index=where, yours=yours, right=right)

    def _notes(self, judged: Judged) -> list[str]:
        nearly = [Note("NEARLY", {"arrays": o.name}) for o in judged.outputs if o.status == "nearly"]
        found = [say(note.code, self.language, note.facts) for note in (*nearly, *judged.notes)]
        return [f"  note: {said.why} {said.fix}".rstrip() for said in found]

    def _failed(self, failure: Failure) -> str:
        line = f" (line {failure.line})" if failure.line else ""
        return f"{failure.kind}: {failure.text}{line}"

    def _tells(self, hint: str) -> bool:
        return HINTS.index(self.hints) >= HINTS.index(hint)

    def html(self, whole: bool = True) -> str:
        """A page, or (`whole=False`) what a notebook shows: the same text, everything of the student's escaped."""
        tint = {"right": "#1a7f37", "wrong": "#cf222e", "unjudged": "#9a6700"}
        blocks = [
            f'<pre style="border-left:4px solid {tint[j.status]};padding:4px 10px;white-space:pre-wrap">'
            f"{html.escape(self._block(j, colour=False))}</pre>"
            for j in self.judged
        ]
        body = "\n".join(blocks) if blocks and not self.failure else f"<pre>{html.escape(self.text())}</pre>"
        if not whole:
            return body
        return (
            f'<!doctype html>\n<html lang="{self.language}"><head><meta charset="utf-8"><title>scratchgen</title>'
            f'</head>\n<body style="font-family:sans-serif;max-width:60em;margin:2em auto">\n{body}\n</body></html>\n'
        )

    # ---------------------------------------------------------------------------------------------------- for programs
    def score(self) -> float:
        """Points, over all exercises that were judged."""
        return round(sum(self.points_of(j) for j in self.judged), 5)

    def worth(self, judged: Judged) -> float:
        """The points that one function can bring: of an exercise's two functions the forward has three tenths."""
        exercise = judged.task.exercise
        points = self.points.get(exercise.name, 1.0)
        if exercise.backward is None:
            return points
        both = {j.task.name for j in self.judged} >= {task.name for task in exercise.tasks}
        share = (1 - FORWARD if judged.task.is_backward else FORWARD) if both else 1.0
        return points * share

    def points_of(self, judged: Judged) -> float:
        """Each right output brings its share."""
        if not judged.outputs:
            return 0.0
        right = sum(output.status != "wrong" for output in judged.outputs)
        return self.worth(judged) * right / len(judged.outputs)

    def json(self) -> str:
        """All facts, in the schema "scratchgen.checker/1". The same for the same functions and seed, to the byte."""
        return json.dumps(self.facts(), ensure_ascii=False, indent=1) + "\n"

    def facts(self) -> dict[str, Any]:
        """What `json` writes."""
        return {
            "schema": SCHEMA,
            "status": ("right", "wrong", "unjudged")[self.exit_status],
            "failure": vars(self.failure) if self.failure else None,
            "seed": self.seed,
            "score": self.score(),
            "functions": [self._function(j) for j in self.judged],
        }

    def _function(self, judged: Judged) -> dict[str, Any]:
        return {
            "name": judged.task.name,
            "exercise": judged.task.exercise.name,
            "status": judged.status,
            "points": round(self.points_of(judged), 5),
            "max_points": round(self.worth(judged), 5),
            "failure": vars(judged.failure) if judged.failure else None,
            "forward_right": judged.forward_right,
            "consistent_with_own_forward": judged.consistent,
            "outputs": {output.name: _numbers(output) for output in judged.outputs},
            "why": [self._why(e) for e in judged.explanations],
            "notes": [note.code for note in judged.notes],
        }

    def _why(self, e: Explanation) -> dict[str, Any]:
        said = say(e.code, self.language, {"arrays": ", ".join(e.covers), **e.facts})
        return {"code": e.code, "text": said.why, "arrays": list(e.covers), "evidence": e.numbers, "located": e.located}

    def gradescope(self, seconds: float = 0.0) -> str:
        """What Gradescope wants in results.json: a test for each function, its text in Markdown, nothing hidden."""
        tests = [
            {
                "name": judged.task.name,
                "number": str(i),
                "score": round(self.points_of(judged), 5),
                "max_score": round(self.worth(judged), 5),
                "status": "passed" if judged.status == "right" else "failed",
                "visibility": "visible",
                "output": f"```\n{_fenced(self._block(judged, colour=False))}\n```",
                "tags": [e.code for e in judged.explanations],
            }
            for i, judged in enumerate(self.judged, 1)
        ]
        summary = self.text() if self.failure or not self.judged else self.text().rsplit("\n", 1)[-1]
        return json.dumps(
            {
                "score": self.score(),
                "execution_time": round(seconds, 3),
                "output": summary,
                "output_format": "text",
                "test_output_format": "md",
                "stdout_visibility": "hidden",
                "tests": tests,
            },
            ensure_ascii=False,
            indent=1,
        )


def _unexplained(judged: Judged) -> Sequence[Output]:
    explained = {name for e in judged.explanations for name in e.covers}
    return [output for output in judged.outputs if output.status == "wrong" and output.name not in explained]


def _mark(status: str, colour: bool) -> str:
    return f"\033[{COLOURS[status]}m{MARKS[status]}\033[0m" if colour else MARKS[status]


def _numbers(output: Output) -> dict[str, Any]:
    worst = output.worst and {"index": list(output.worst[0]), "yours": _finite(output.worst[1])}
    return {
        "status": output.status,
        "difference": _finite(output.difference),
        "wrong": output.wrong,
        "total": output.total,
        "shape": list(output.got),
        "expected_shape": list(output.expected),
        "dtype": output.dtype,
        "worst": worst,
    }


def _finite(x: float) -> float | str:
    """JSON has no infinity."""
    return float(f"{x:.6g}") if math.isfinite(x) else str(x)


def _fenced(text: str) -> str:
    """Text that cannot end the Markdown fence around it."""
    return text.replace("```", "ʼʼʼ")
