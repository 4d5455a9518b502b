"""What was found, for a terminal, a notebook, a web page, a program, or Gradescope.

How much is told is a matter of the course: `verdict` (right or wrong), `where` (which numbers), `why` (the cause),
`fix` (what to do). None of them ever shows the right array, or the right formula.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .. import __version__
from .evidence import Explanation
from .judge import Judged, Note, Output
from .messages import failed, say
from .sandbox import Failure

__all__ = ["HINTS", "Report"]

HINTS = ("verdict", "where", "why", "fix")
SCHEMA = "scratchgen.checker/1"
FORWARD = 0.3  # of an exercise's points, where both its functions are asked for; the gradients share the rest
RATIO_CREDIT = 0.5  # of an array's points, where it is right but for a constant factor

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
        "line": " (line {line})",
        "misnamed": "{theirs} is the name of no exercise; did you mean {ours}?",
        "soft": "Checked in this process, without limits: a loop without an end would not have ended.",
        "failed": {
            "unwritten": "not written yet",
            "missing": "missing",
            "contract": "not what was asked for",
            "exception": "stopped with an error",
            "exit": "ended the program",
            "memory": "too much memory",
            "timeout": "took too long",
            "crash": "crashed",
            "printed": "printed too much",
            "malformed": "no usable answer",
            "unfinished": "the check did not finish",
        },
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
        "line": " ({line}번째 줄)",
        "misnamed": "{theirs}라는 연습문제는 없습니다. 혹시 {ours}인가요?",
        "soft": "이 프로세스 안에서 제한 없이 검사했습니다. 끝나지 않는 반복문은 멈추지 않습니다.",
        "failed": {
            "unwritten": "아직 작성하지 않았습니다",
            "missing": "없습니다",
            "contract": "문제에서 요구한 것과 다릅니다",
            "exception": "오류로 멈췄습니다",
            "exit": "프로그램을 끝내 버렸습니다",
            "memory": "메모리를 너무 많이 썼습니다",
            "timeout": "시간이 너무 오래 걸렸습니다",
            "crash": "비정상 종료되었습니다",
            "printed": "출력이 너무 많습니다",
            "malformed": "쓸 수 있는 답이 없습니다",
            "unfinished": "검사가 끝나지 않았습니다",
        },
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
    points: dict[str, float] = field(default_factory=dict)  # of the exercises that are asked for; without them 1 each
    ratio_credit: float = RATIO_CREDIT
    secret: bool = False  # the seed, and what is printed of inputs made with it
    soft: bool = False  # judged in this process
    misnamed: dict[str, str] = field(default_factory=dict)  # functions of theirs, and what they were meant to be

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

    def only(self, array: str) -> Report:
        """What was found about the array of that name: "dweight". Raises `ValueError` where nothing returns one."""
        names = [name for j in self.judged for name in j.task.returns]
        if self.judged and array not in names:
            raise ValueError(f"check: nothing here returns {array!r}; there are {', '.join(dict.fromkeys(names))}")
        return replace(self, judged=tuple(_only(j, array) for j in self.judged if array in j.task.returns))

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
            return "\n".join([_mark("unjudged", colour) + " " + str(words["none"]), *self._remarks()])
        return "\n".join([*(self._block(j, colour) for j in self.judged), "", self._summary()])

    def _summary(self) -> str:
        words, right = WORDS[self.language], sum(j.status == "right" for j in self.judged)
        return "\n".join([str(words["summary"]).format(right=right, total=len(self.judged)), *self._remarks()])

    def _remarks(self) -> list[str]:
        words = WORDS[self.language]
        misnamed = [str(words["misnamed"]).format(theirs=a, ours=b) for a, b in self.misnamed.items()]
        return [*misnamed, *([str(words["soft"])] if self.soft else [])]

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
            if not self.secret:
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
        if left := unexplained(judged):
            cosine = left[0].cosine
            angle = str(words["cosine"]).format(value=cosine) if cosine is not None else ""
            names = ", ".join(output.name for output in left)
            lines.append("  WHY  " + str(words["unknown"]).format(arrays=names, cosine=angle).strip())
        if any(e.code == "AS_FORWARD" for e in judged.explanations):
            return lines
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
        if judged.status == "wrong" and not self._tells("why"):
            return []
        return [f"  note: {said.why} {said.fix if self._tells('fix') else ''}".rstrip() for said in found]

    def _failed(self, failure: Failure) -> str:
        words: dict[Any, Any] = WORDS[self.language]
        text = f": {failed(failure.text, self.language)}" if failure.text and failure.kind != "unwritten" else ""
        return words["failed"][failure.kind] + text + (words["line"].format(line=failure.line) if failure.line else "")

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
        rest = f"<pre>{html.escape(self._summary() if blocks and not self.failure else self.text())}</pre>"
        body = rest if self.failure else "\n".join([*blocks, rest])
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

    def max_score(self) -> float:
        """The points that could have been had."""
        return round(sum(self.worth(j) for j in self.judged), 5)

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
        """Each right array brings its share; `ratio_credit` of it where only a constant factor is wrong."""
        if not judged.outputs:
            return 0.0
        nearly = {name for e in judged.explanations if _is_ratio(e) for name in e.covers}
        credits = [
            1.0 if output.status != "wrong" else self.ratio_credit * (output.name in nearly)
            for output in judged.outputs
        ]
        return self.worth(judged) * sum(credits) / len(credits)

    def json(self) -> str:
        """All facts, in the schema "scratchgen.checker/1". The same for the same functions and seed, to the byte."""
        return json.dumps(self.facts(), ensure_ascii=False, indent=1) + "\n"

    def facts(self) -> dict[str, Any]:
        """What `json` writes: as much as the level of hints tells. No times, so that it is the same each time."""
        return {
            "schema": SCHEMA,
            "status": ("right", "wrong", "unjudged")[self.exit_status],
            "failure": vars(self.failure) if self.failure else None,
            "seed": None if self.secret else self.seed,
            "hints": self.hints,
            "score": self.score(),
            "max_score": self.max_score(),
            "functions": [self._function(j) for j in self.judged],
            "misnamed": self.misnamed,
            "printed": "" if self.secret else self.printed,
            "versions": {"scratchgen": __version__, "numpy": np.__version__},
        }

    def _function(self, judged: Judged) -> dict[str, Any]:
        tells = self._tells("why")
        return {
            "name": judged.task.name,
            "exercise": judged.task.exercise.name,
            "status": judged.status,
            "points": round(self.points_of(judged), 5),
            "max_points": round(self.worth(judged), 5),
            "failure": vars(judged.failure) if judged.failure else None,
            "forward": self._forward(judged) if tells or not judged.task.is_backward else None,
            "consistent_with_own_forward": judged.consistent if tells else None,
            "grads" if judged.task.is_backward else "outputs": {o.name: self._numbers(o) for o in judged.outputs},
            "why": [self._why(e) for e in judged.explanations] if tells else [],
            "notes": [note.code for note in judged.notes] if tells or judged.status == "right" else [],
        }

    def _forward(self, judged: Judged) -> dict[str, Any] | None:
        """Of the function itself, or of the one that a backward is the derivative of."""
        forward = judged.task.exercise.tasks[0]
        found = next((j for j in self.judged if j.task is forward and j.outputs), None)
        if found is None:
            return None
        largest = _finite(max(output.difference for output in found.outputs))
        return {"ok": found.status == "right", **({"max_rel": largest} if self._tells("where") else {})}

    def _numbers(self, output: Output) -> dict[str, Any]:
        verdict = {"ok": output.status != "wrong", "status": output.status}
        if not self._tells("where"):
            return verdict
        index, yours, right = output.worst or ((), math.nan, math.nan)
        worst = {"index": list(index), "yours": _finite(yours), "right": _finite(right)}
        return {
            **verdict,
            "max_rel": _finite(output.difference),
            "wrong": output.wrong,
            "total": output.total,
            "shape": list(output.got),
            "expected_shape": list(output.expected),
            "dtype": output.dtype,
            "worst": worst if output.worst and output.status == "wrong" else None,
        }

    def _why(self, e: Explanation) -> dict[str, Any]:
        said = say(e.code, self.language, {"arrays": ", ".join(e.covers), **e.facts})
        fix = {"fix": said.fix} if self._tells("fix") else {}
        facts = {"arrays": list(e.covers), "evidence": e.numbers, "located": e.located}
        return {"code": e.code, "text": said.why, **fix, **facts}

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
                "tags": [judged.task.exercise.name, *(e.code for e in judged.explanations if self._tells("why"))],
            }
            for i, judged in enumerate(self.judged, 1)
        ]
        summary = self.text() if self.failure or not self.judged else self._summary()
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


def unexplained(judged: Judged) -> Sequence[Output]:
    """The wrong arrays that no explanation covers."""
    explained = {name for e in judged.explanations for name in e.covers}
    return [output for output in judged.outputs if output.status == "wrong" and output.name not in explained]


def _mark(status: str, colour: bool) -> str:
    return f"\033[{COLOURS[status]}m{MARKS[status]}\033[0m" if colour else MARKS[status]


def _only(judged: Judged, array: str) -> Judged:
    """What concerns one array."""
    outputs = tuple(output for output in judged.outputs if output.name == array)
    explanations = tuple(e for e in judged.explanations if array in e.covers)
    wrong = any(output.status == "wrong" for output in outputs)
    status = judged.status if judged.failure else "wrong" if wrong else "right"
    return replace(judged, outputs=outputs, explanations=explanations, status=status)


def _is_ratio(e: Explanation) -> bool:
    """Whether all that is wrong is a factor: of the whole, not of a part."""
    return e.code in ("SIGN", "FACTOR") and "term" not in e.facts


def _finite(x: float) -> float | str:
    """JSON has no infinity."""
    return float(f"{x:.6g}") if math.isfinite(x) else str(x)


def _fenced(text: str) -> str:
    """Text that cannot end the Markdown fence around it."""
    return text.replace("```", "ʼʼʼ")
