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

from .evidence import ENOUGH, Explanation, Trial, alike, proportional, tolerance
from .exercises.exercise import Arrays, Task, named
from .exercises.longhand import LONGHAND
from .formulas import along, gradients, slopes

__all__ = ["Edit", "edited", "edits"]


@dataclass(frozen=True, eq=False)
class Edit:
    """`put` where `removed` stood, or "" where that is just left out; `line`: the name of what is computed there;
    `meaning`: of the names in them, where the student may have others."""

    function: Callable[..., Any]
    removed: str
    put: str
    line: str
    meaning: str

    def __call__(self, **arguments: Any) -> Arrays:
        """What comes out; nothing where the edited formula fails, or would write into its arguments."""
        try:
            return named(self.function(**{k: _not_to_be_changed(v) for k, v in arguments.items()}))
        except Exception:  # an edit may be nonsense in any way
            return {}


def _not_to_be_changed(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        value = value.view()
        value.flags.writeable = False
    return value


def edited(task: Task, name: str, trials: Sequence[Trial]) -> Explanation | None:
    """What comes out of the right formula after one edit; or, of a backward, the derivative of a forward after one.

    First comes an edit that accounts for all that was given. None may spoil what is right.
    """
    trial, first = trials[0], None
    right = {n for n, given in trial.given.items() if alike(given, trial.right[n], tolerance(given))}
    for edit, answer in _likely(task, name, trials):
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


def _likely(task: Task, name: str, trials: Sequence[Trial]) -> Iterator[tuple[Edit, Callable[[Trial], Arrays]]]:
    """Edits and what they give in a trial, but for those of which two random projections are not in proportion to what
    was given: that rules out almost all, and is computed once for each edit."""
    small = trials[0].right[name].size < ENOUGH  # then several trials go together
    few = [t for t in trials if t.shape == trials[0].shape] if small else trials[:1]
    own = [edit for form in _forms(task) for edit in edits(form)]
    ours = np.concatenate([t.once((task.name, "edits"), partial(_projected, task, own, t))[name] for t in few], 1)
    for i in _in_proportion(ours, np.concatenate([along(t.given, [name]) for t in few])):
        yield own[i], partial(_answer, task, own[i])
    if task.is_backward:
        others = [edit for form in _forms(task.exercise.tasks[0]) for edit in edits(form)]
        ours = np.concatenate([t.once((task.name, "slopes"), partial(_slopes, task, others, t)) for t in few], 1)
        for i in _in_proportion(ours, np.concatenate([along(t.given, list(t.given)) for t in few])):
            yield others[i], partial(gradients, task, others[i])


def _projected(task: Task, several: Sequence[Edit], trial: Trial) -> dict[str, np.ndarray]:
    """Two numbers of each array for each edit; of an array that has another shape they are not numbers."""
    found = {name: np.full((len(several), 2), np.nan) for name in trial.right}
    for i, edit in enumerate(several):
        answer = _answer(task, edit, trial)
        for name, right in trial.right.items():
            if name in answer and answer[name].shape == right.shape:
                found[name][i] = along(answer, [name])
    return found


def _slopes(task: Task, several: Sequence[Edit], trial: Trial) -> np.ndarray:
    """Two numbers of all arrays together for each edit of the forward."""
    found = np.full((len(several), 2), np.nan)
    for i, edit in enumerate(several):
        if len(both := slopes(task, edit, trial, list(trial.given))):
            found[i] = both
    return found


def _in_proportion(ours: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Which rows are a multiple of the numbers given."""
    lengths = (ours**2).sum(1)
    return np.flatnonzero((lengths > 0) & ((ours @ given) ** 2 >= (1 - 1e-8) * lengths * (given @ given)))


def _answer(task: Task, edit: Edit, trial: Trial) -> Arrays:
    return edit(**{k: trial.arguments[k] for k in task.parameters})


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
    for _, tree in sources.values():
        defined = {
            line.targets[0].id: ast.unparse(line.value)
            for line in ast.walk(tree)
            if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name)
        }
        names = [argument.arg for argument in tree.args.args] + list(defined)
        made = {n: f for n, v in defined.items() if (f := re.fullmatch(r"([\w.]+)\(\w+\)", v))}
        counts = _that_count(tree)
        for line, node, put in list(_places(tree)):
            several = _alternatives(node, names, () if node in counts else WRAPS)
            for rank, text, removed, instead in [*several, *_same_of_another(node, made, names)]:
                put(_node(text))
                instead = ast.unparse(_node(text)) if instead == text else instead  # without needless brackets
                own = dict(scope)
                exec(rest, own)
                exec(compile(ast.Module([tree], []), "<edited>", "exec"), own)
                put(node)
                meant = [f"{n} = {v}" for n, v in defined.items() if re.search(rf"\b{n}\b", f"{removed} {instead}")]
                texts = (_said(text) for text in (removed, instead, line, ", ".join(meant)))
                found.append((rank, Edit(own[function.__name__], *texts)))
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


@cache
def _node(text: str) -> Any:
    """The tree of an expression, or of a statement."""
    (line,) = ast.parse(text).body
    return line.value if isinstance(line, ast.Expr) else line


def _parsed(function: FunctionType) -> ast.stmt:
    return ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]


def _places(tree: ast.FunctionDef) -> Iterator[tuple[str, Any, Callable[[Any], None]]]:
    """Every expression in the body and every +=: what its line makes, itself, and what puts another in its place."""
    body = ast.Module(tree.body, [])
    makes: dict[ast.AST, str] = {}
    for node in ast.walk(body):
        if isinstance(node, (ast.Assign, ast.AugAssign)):
            target = node.target if isinstance(node, ast.AugAssign) else node.targets[0]
            makes |= dict.fromkeys(ast.walk(node), ast.unparse(target).partition("[")[0])
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values):
                makes |= dict.fromkeys(ast.walk(value), str(key.value) if isinstance(key, ast.Constant) else "")
    for parent in ast.walk(body):
        for field, value in ast.iter_fields(parent):
            for i, one in enumerate(value) if isinstance(value, list) else ((None, value),):
                if isinstance(one, (ast.expr, ast.AugAssign)) and not isinstance(getattr(one, "ctx", None), ast.Store):
                    put = partial(setattr, parent, field) if i is None else partial(value.__setitem__, i)
                    yield makes.get(one, ""), one, put


def _that_count(tree: ast.FunctionDef) -> set[ast.AST]:
    """What is an index, a size or an axis, of which no square is taken."""
    found: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript):
            found |= set(ast.walk(node.slice))
        elif isinstance(node, ast.Call) and (last := ast.unparse(node.func).rpartition(".")[2]) in COUNTING:
            found |= {n for part in node.args[COUNTING[last] :] for n in ast.walk(part)}
    return found


SIGNS: dict[type, str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.MatMult: "@"}
OPPOSITE = {"+": "-", "-": "+", "*": "/", "/": "*"}
COUNTING = {  # from which argument on
    "arange": 0, "eye": 0, "ndindex": 0, "range": 0, "reshape": 0, "transpose": 0, "zeros": 0,
    "moveaxis": 1, "pad": 1, "split": 1,
}  # fmt: skip
FUNCTIONS = ("exp", "log", "sqrt", "tanh", "log1p", "expm1", "abs")
REDUCTIONS = ("sum", "mean", "max", "min", "std", "var")
WRAPS = (
    "-{}", "2 * {}", "{} / 2", "{} ** 2", "1 - {}", "1 / {}", "np.exp({})", "np.log({})", "np.sqrt({})", "np.tanh({})",
    "np.abs({})", "np.sign({})", "np.ones_like({})", "{}.T", "{}[::-1]", "{}.sum(0)", "{}.sum(1, keepdims=True)",
    "{}.mean(0)", "{}.mean(1, keepdims=True)", "{}.mean()", "{}.sum()", "{} > 0", "np.maximum({}, 0)",
    "1 / (1 + np.exp(-{}))", "{} * (1 - {})", "{} - {}.mean(0)", "np.roll({}, 1, 0)", "np.roll({}, -1, 0)",
    "np.cumsum({}, 0)", "np.sort({}, 0)", "{} + 1", "{} - 1", "{}.max()", "{}[..., ::-1]", "{}[..., ::-1, ::-1]",
)  # fmt: skip


Change = tuple[int, str, str, str]  # rank, what to write, what is not there any more, what is there instead


def _alternatives(node: Any, names: Sequence[str], wraps: Sequence[str]) -> Iterator[Change]:
    """All that may stand where an expression, or a +=, stands."""
    whole = ast.unparse(node)
    if isinstance(node, ast.AugAssign):
        yield 1, whole.replace(f" {SIGNS[type(node.op)]}= ", " = ", 1), f"{SIGNS[type(node.op)]}=", "="
    if text := _other_order(node):
        yield 2, text, whole, text
    if text := _reshaped(node):
        yield 2, text, whole, "reshape"
    if isinstance(node, ast.BinOp) and (sign := SIGNS.get(type(node.op))):
        yield from _of_two(_operand(node.left, sign), sign, _operand(node.right, sign))
        yield from ((3, other, whole, other) for other in names if wraps)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield 0, ast.unparse(node.operand), "-", ""
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        c: Any = node.value
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
    if isinstance(node, (ast.Name, ast.Call, ast.Subscript)) and whole != "np" and "real" not in whole:
        for wrap in wraps:
            yield 4, wrap.format(whole, whole), whole, wrap.format(whole, whole)


def _same_of_another(node: Any, made: dict[str, Any], names: Sequence[str]) -> Iterator[Change]:
    """Where a name stands for f(x), the same f of another name."""
    if isinstance(node, ast.Name) and node.id in made:
        for other in names:
            yield 3, (text := f"{made[node.id][1]}({other})"), node.id, text


def _other_order(node: Any) -> str:
    """The mean of a square as the square of a mean, and the like: two operations in the other order."""
    outer, inner = _operation(node), None
    if outer is not None:
        inner = _operation(outer[1])
    return inner[0].format(outer[0].format(ast.unparse(inner[1]))) if outer and inner else ""


def _operation(node: Any) -> tuple[str, Any] | None:
    """What is done, with a gap, and to what: ("({}) ** 2", x), ("np.log({})", x), ("({}).mean(0)", x)."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        return f"({{}}) ** {ast.unparse(node.right)}", node.left
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return "-({})", node.operand
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        inside = ", ".join(ast.unparse(part) for part in (*node.args, *node.keywords))
        if node.func.attr in FUNCTIONS and len(node.args) == 1:
            return f"np.{node.func.attr}({{}})", node.args[0]
        if node.func.attr in REDUCTIONS:
            return f"({{}}).{node.func.attr}({inside})", node.func.value
    return None


def _reshaped(node: Any) -> str:
    """A reshape where axes are to change places: the numbers get into disorder."""
    whole = ast.unparse(node)
    if isinstance(node, ast.Attribute) and node.attr == "T":
        return f"{ast.unparse(node.value)}.reshape({whole}.shape)"
    if isinstance(node, ast.Call) and ast.unparse(node.func) in ("np.moveaxis", "np.swapaxes", "np.transpose"):
        return f"{ast.unparse(node.args[0])}.reshape({whole}.shape)"
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "transpose":
        return f"{ast.unparse(node.func.value)}.reshape({whole}.shape)"
    return ""


def _operand(node: ast.expr, sign: str) -> str:
    """In brackets where it is a sum and stands in a product, or behind a minus."""
    is_sum = isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub))
    return f"({ast.unparse(node)})" if is_sum and sign != "+" else ast.unparse(node)


def _of_two(a: str, sign: str, b: str) -> Iterator[Change]:
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


def _of_call(node: ast.Call, whole: str) -> Iterator[Change]:
    """Edits of a call: another function, none, another axis."""
    function = ast.unparse(node.func)
    inside = ", ".join(ast.unparse(part) for part in (*node.args, *node.keywords))
    last = function.rpartition(".")[2]
    is_helper = isinstance(node.func, ast.Name) and len(node.args) == 1 and not node.keywords
    if is_helper or last in FUNCTIONS:
        yield 1, ast.unparse(node.args[0]), whole, ast.unparse(node.args[0])
    if last in FUNCTIONS:
        for other in FUNCTIONS:
            yield 2, f"np.{other}({inside})", whole, f"np.{other}({inside})"
    if last in REDUCTIONS and isinstance(node.func, ast.Attribute):
        of = ast.unparse(node.func.value)
        for other in REDUCTIONS:
            yield 1, f"({of}).{other}({inside})", whole, f"({of}).{other}({inside})"
        yield 1, f"({of}).{last}()", whole, f"({of}).{last}()"
        for axis in (0, 1):
            yield 2, (text := f"({of}).{last}({axis}, keepdims=True)"), whole, text
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
