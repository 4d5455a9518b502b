"""One edit away from right: the right formula, with one small thing in it written differently.

Most mistakes are one thing: a sign, a factor left out, a sum over another axis, one name for another. So the source of
the right answer is changed in each of these ways, one at a time, and what comes out is compared with what was given.
Nobody has to think of such a mistake first, as for the list that each exercise has of its own, which says it better.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from types import FunctionType
from typing import Any

import numpy as np

from .evidence import Explanation, Trial, alike, proportional, tolerance
from .exercises.exercise import Arrays, Task, named
from .exercises.longhand import LONGHAND
from .formulas import gradients

__all__ = ["Edit", "edited", "edits"]


@dataclass(frozen=True, eq=False)
class Edit:
    """`put` where `removed` stood, or "" where that is just left out; `line`: the name of what is computed there;
    `meaning`: of the names in them, where the student may have others."""

    removed: str
    put: str
    line: str
    meaning: str
    function: Callable[..., Any]

    def __call__(self, **arguments: Any) -> Arrays:
        """What comes out; nothing where the edited formula fails."""
        try:
            return named(self.function(**arguments))
        except Exception:  # an edit may be nonsense in any way
            return {}


def edited(task: Task, name: str, trials: Sequence[Trial]) -> Explanation | None:
    """What comes out of the right formula after one edit; or, of a backward, the derivative of a forward after one.

    First comes an edit that accounts for all that was given. None may spoil what is right.
    """
    trial, first = trials[0], None
    right = {n for n, given in trial.given.items() if alike(given, trial.right[n], tolerance(given))}
    for edit, answer in _answers(task):
        found = proportional(name, trials, (answer(t).get(name) for t in trials), task)
        if found is None or found[0] == "0" or re.search(r"\d\.\d", found[0]):
            continue  # of two mistakes in one line the second must at least have a name
        facts = {"removed": edit.removed, "put": edit.put, "line": edit.line, "meaning": edit.meaning}
        explanation = Explanation("EDIT" if edit.put else "LEFT_OUT", (name,), found[1], {**facts, "factor": found[0]})
        agrees = {n for n, array in answer(trial).items() if n in trial.given and alike(array, trial.given[n], 1e-5)}
        if agrees == set(trial.given):
            return explanation
        if agrees >= right and (first is None or "1" == found[0] != first.facts["factor"]):
            first = explanation
    return first


def _answers(task: Task) -> Iterator[tuple[Edit, Callable[[Trial], Arrays]]]:
    """Each edit, and what it gives in a trial."""

    def its_own(edit: Edit, trial: Trial) -> Arrays:
        found: Arrays = trial.once((task.name, edit), lambda: edit(**{k: trial.arguments[k] for k in task.parameters}))
        return found

    def derivatives(edit: Edit, trial: Trial) -> Arrays:
        found: Arrays = trial.once((task.name, edit), lambda: gradients(task, edit, trial))
        return found

    yield from ((edit, partial(its_own, edit)) for form in _forms(task) for edit in edits(form))
    if task.is_backward:
        yield from ((edit, partial(derivatives, edit)) for form in _forms(task.exercise.tasks[0]) for edit in edits(form))


def _forms(task: Task) -> list[Callable[..., Any]]:
    """The right answer, as it is and in longhand."""
    return [task.reference, *([LONGHAND[task.name]] if task.name in LONGHAND else [])]


# ------------------------------------------------------------------------------------------------------ the edits made
@cache
def edits(function: Callable[..., Any]) -> tuple[Edit, ...]:
    """All edits of a function and of those that it calls, the simplest first."""
    sources = _sources(function)
    scope = {k: v for f, _ in sources.values() for k, v in f.__globals__.items()}
    rest = compile(ast.Module([tree for _, tree in sources.values()], []), "<right>", "exec")
    found: list[tuple[int, Edit]] = []
    for name, (_, tree) in sources.items():
        defined = {
            line.targets[0].id: ast.unparse(line.value)
            for line in ast.walk(tree)
            if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name)
        }
        names = [argument.arg for argument in tree.args.args] + list(defined)
        for line, node, put in list(_places(tree)):
            for rank, text, removed, instead in _alternatives(node, names):
                (changed,) = ast.parse(text).body
                put(changed.value if isinstance(changed, ast.Expr) else changed)
                own = dict(scope)
                exec(rest, own)
                exec(compile(ast.Module([tree], []), "<edited>", "exec"), own)
                put(node)
                meant = [f"{n} = {v}" for n, v in defined.items() if re.search(rf"\b{n}\b", f"{removed} {instead}")]
                edit = Edit(*map(_said, (removed, instead, line, ", ".join(meant))), own[function.__name__])
                found.append((rank, edit))
    return tuple(edit for _, edit in sorted(found, key=lambda one: one[0]))


def _sources(function: Callable[..., Any]) -> dict[str, tuple[FunctionType, ast.FunctionDef]]:
    """The syntax tree of a function, and of the exercises' own functions that it calls."""
    found: dict[str, tuple[FunctionType, ast.FunctionDef]] = {}
    waiting: list[Any] = [function]
    for f in waiting:  # which grows
        if not isinstance(f, FunctionType) or f.__module__.rpartition(".")[0] != f"{__package__}.exercises":
            continue
        if f.__name__ not in found and isinstance(tree := _parsed(f), ast.FunctionDef):
            if ast.get_docstring(tree):
                tree.body.pop(0)
            found[f.__name__] = f, tree
            waiting += [f.__globals__.get(node.id) for node in ast.walk(tree) if isinstance(node, ast.Name)]
    return found


def _parsed(function: FunctionType) -> ast.stmt:
    return ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]


def _places(tree: ast.FunctionDef) -> Iterator[tuple[str, Any, Callable[[Any], None]]]:
    """Every expression in the body and every +=: what its line makes, itself, and what puts another in its place."""
    body = ast.Module(tree.body, [])
    makes: dict[ast.AST, str] = {}
    for node in ast.walk(body):
        if isinstance(node, ast.Assign):
            makes |= dict.fromkeys(ast.walk(node), ast.unparse(node.targets[0]))
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values):
                makes |= dict.fromkeys(ast.walk(value), key.value if isinstance(key, ast.Constant) else "")
    for parent in ast.walk(body):
        for field, value in ast.iter_fields(parent):
            for i, one in enumerate(value) if isinstance(value, list) else ((None, value),):
                if isinstance(one, (ast.expr, ast.AugAssign)) and not isinstance(getattr(one, "ctx", None), ast.Store):
                    put = partial(setattr, parent, field) if i is None else partial(value.__setitem__, i)
                    yield makes.get(one, ""), one, put


SIGNS: dict[type, str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.MatMult: "@"}
OPPOSITE = {"+": "-", "-": "+", "*": "/", "/": "*"}
FUNCTIONS = ("exp", "log", "sqrt", "tanh", "log1p", "expm1", "abs")
REDUCTIONS = ("sum", "mean", "max", "min", "std", "var")
WRAPS = (
    "-{}", "2 * {}", "{} / 2", "{} ** 2", "1 - {}", "1 / {}", "np.exp({})", "np.log({})", "np.sqrt({})", "np.tanh({})",
    "np.abs({})", "np.sign({})", "np.ones_like({})", "{}.T", "{}[::-1]", "{}.sum(0)", "{}.sum(1, keepdims=True)",
    "{}.mean(0)", "{}.mean(1, keepdims=True)", "{}.mean()", "{}.sum()", "{} > 0", "np.maximum({}, 0)",
    "1 / (1 + np.exp(-{}))", "{} * (1 - {})", "{} - {}.mean(0)", "np.roll({}, 1, 0)", "np.roll({}, -1, 0)",
    "np.cumsum({}, 0)", "np.sort({}, 0)",
)  # fmt: skip


def _alternatives(node: Any, names: Sequence[str]) -> Iterator[tuple[int, str, str, str]]:
    """(rank, what to write, what is not there any more, what is there instead)."""
    whole = ast.unparse(node)
    if isinstance(node, ast.AugAssign):
        yield 1, whole.replace(f" {SIGNS[type(node.op)]}= ", " = ", 1), f"{SIGNS[type(node.op)]}=", "="
    if isinstance(node, ast.BinOp) and (sign := SIGNS.get(type(node.op))):
        yield from _of_two(ast.unparse(node.left), sign, ast.unparse(node.right))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield 0, ast.unparse(node.operand), "-", ""
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        c = node.value
        others = (0, 1, 2, -1, c + 1, c - 1, -c, 2 * c, c / 2, None, *((1e-8, 1e-3, c**0.5) if 0 < c < 0.01 else ()))
        yield from ((2, str(other), whole, str(other)) for other in dict.fromkeys(others) if other != c)
    elif isinstance(node, ast.Attribute) and node.attr == "T":
        yield 1, ast.unparse(node.value), ".T", ""
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        left, right = ast.unparse(node.left), ast.unparse(node.comparators[0])
        for sign in ("<", "<=", ">", ">=", "==", "!="):
            yield 1, f"{left} {sign} {right}", whole, f"{left} {sign} {right}"
    elif isinstance(node, ast.Call):
        yield from _of_call(node, whole)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        yield from ((3, other, whole, other) for other in names if other != whole)
    if isinstance(node, (ast.Name, ast.Call)) and whole not in ("np",) and "real" not in whole:
        for wrap in WRAPS:
            yield 4, wrap.format(whole, whole), whole, wrap.format(whole, whole)


def _of_two(a: str, sign: str, b: str) -> Iterator[tuple[int, str, str, str]]:
    """Edits of a + b, and the like."""
    yield 0, a, f"{sign} {b}", ""
    if sign in "+*@":
        yield 0, b, f"{a} {sign}", ""
    if sign == "-":
        yield 0, f"-({b})", a, ""
        yield 0, b, f"{a} -", ""
    if sign == "/":
        yield 0, f"1 / ({b})", a, "1"
        yield 1, f"({b}) / ({a})", f"{a} / {b}", f"{b} / {a}"
    if sign == "@":
        yield 1, f"({b}) @ ({a})", f"{a} @ {b}", f"{b} @ {a}"
    if sign in OPPOSITE:
        other = OPPOSITE[sign]
        yield 1, f"({a}) {other} ({b})", f"{sign} {b}", f"{other} {b}"
    if sign == "*":
        yield 1, f"({a}) + ({b})", f"{a} * {b}", f"{a} + {b}"


def _of_call(node: ast.Call, whole: str) -> Iterator[tuple[int, str, str, str]]:
    """Edits of a call: another function, none, another axis."""
    function = ast.unparse(node.func)
    inside = ", ".join(ast.unparse(part) for part in (*node.args, *node.keywords))
    last = function.rpartition(".")[2]
    if len(node.args) == 1 and not node.keywords and not isinstance(node.func, ast.Attribute) or last in FUNCTIONS:
        yield 1, ast.unparse(node.args[0]), whole, ast.unparse(node.args[0])
    if last in FUNCTIONS:
        for other in FUNCTIONS:
            yield 2, f"np.{other}({inside})", whole, f"np.{other}({inside})"
    if last in REDUCTIONS and isinstance(node.func, ast.Attribute):
        of = ast.unparse(node.func.value)
        for other in REDUCTIONS:
            yield 1, f"({of}).{other}({inside})", whole, f"({of}).{other}({inside})"
        yield 1, f"({of}).{last}()", whole, f"({of}).{last}()"
        yield 1, of, f".{last}({inside})", ""
    for a, b in itertools.combinations(range(len(node.args)), 2):
        swapped = [ast.unparse(part) for part in node.args]
        swapped[a], swapped[b] = swapped[b], swapped[a]
        yield 2, (text := f"{function}({', '.join(swapped)})"), whole, text
    if function == "np.pad":
        for mode in ("wrap", "edge", "reflect"):
            yield 2, f"np.pad({inside}, mode='{mode}')", "zeros", f"{mode}"
    if function == "len":
        for other in ("1", f"{inside}.size", f"{inside}.shape[1]", f"(len({inside}) - 1)"):
            yield 1, other, whole, other


def _said(text: str) -> str:
    """Code as it is read: without what is there for complex steps, and for Python."""
    text = re.sub(r"np\.real\((\w+)\)", r"\1", text).replace("np.", "")
    return text.replace(" ** 2", "²").replace(" ** 0.5", " ** ½").replace("*", "·").replace("··", "**")
