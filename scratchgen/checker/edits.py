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
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np

from .evidence import Explanation, Trial, alike, proportional, tolerance
from .exercises.exercise import Arrays, Task, named
from .exercises.longhand import LONGHAND
from .formulas import along, directions, gradients, slopes

__all__ = ["Edit", "edited", "edits"]


class Change(NamedTuple):
    """What may stand somewhere else than it does: the simpler, the lower the rank."""

    rank: int
    text: str  # to be written there
    removed: str
    put: str  # "" where something is just left out


@dataclass(frozen=True, eq=False)
class Edit:
    """A formula in which one thing was changed; in the `line` of what; and what the formula's own names mean."""

    function: Callable[..., Any]
    change: Change
    line: str
    names: Mapping[str, str]

    def __call__(self, **arguments: Any) -> Arrays:
        """What comes out; nothing where the edited formula fails, or would write into arguments that are read-only."""
        try:
            return named(self.function(**arguments))
        except Exception:  # an edit may be nonsense in any way
            return {}

    def facts(self) -> dict[str, str]:
        """What is told of it."""
        removed, put = self.change.removed, self.change.put
        if put == self.change.text:
            put = ast.unparse(_nodes([put])[0])  # without needless brackets
        meaning = (f"{n} = {v}" for n, v in self.names.items() if re.search(rf"\b{n}\b", f"{removed} {put}"))
        told = {"removed": removed, "put": put, "line": self.line, "meaning": ", ".join(meaning)}
        return {key: _said(text) for key, text in told.items()}


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
        facts = {**edit.facts(), "factor": found[0]}
        explanation = Explanation("EDIT" if edit.change.put else "LEFT_OUT", (name,), found[1], facts)
        agrees = {n for n, array in answer(trial).items() if n in trial.given and alike(array, trial.given[n], 1e-5)}
        if agrees == set(trial.given):
            return explanation
        if agrees >= right and (first is None or "1" == found[0] != first.facts["factor"]):
            first = explanation
    return first


def _likely(task: Task, name: str, trials: Sequence[Trial]) -> Iterator[tuple[Edit, Callable[[Trial], Arrays]]]:
    """Edits and what they give in a trial, but for those of which two random projections are not in proportion to what
    was given: that rules out almost all, and is computed once for each edit."""
    small = trials[0].right[name].size < 2  # a loss: then several trials go together
    few = [t for t in trials if t.shape == trials[0].shape] if small else trials[:1]
    own = [edit for form in _forms(task) for edit in edits(form)]
    ours = np.concatenate([t.once((task.name, "edits"), partial(_projected, task, own, t))[name] for t in few], 1)
    for i in _in_proportion(ours, np.concatenate([along(t.given, [name]) for t in few])):
        yield own[i], partial(_answer, task, own[i])
    if task.is_backward:
        others = edits(_forms(task.exercise.tasks[0])[-1])
        ours = np.concatenate([t.once((task.name, "slopes"), partial(_slopes, task, others, t)) for t in few], 1)
        for i in _in_proportion(ours, np.concatenate([along(t.given, list(t.right)) for t in few])):
            yield others[i], partial(gradients, task, others[i])


def _projected(task: Task, several: Sequence[Edit], trial: Trial) -> dict[str, np.ndarray]:
    """Two numbers of each array for each edit; of an array that has another shape they are not numbers."""
    found = {name: np.full((len(several), 2), np.nan) for name in trial.right}
    across = {name: np.array([v[name].ravel() for v in directions(trial.right, [name])]) for name in trial.right}
    for i, edit in enumerate(several):
        answer = _answer(task, edit, trial)
        for name, right in trial.right.items():
            if name in answer and answer[name].shape == right.shape:
                found[name][i] = across[name] @ answer[name].ravel()
    return found


def _slopes(task: Task, several: Sequence[Edit], trial: Trial) -> np.ndarray:
    """Two numbers of all arrays together for each edit of the forward."""
    found = np.full((len(several), 2), np.nan)
    for i, edit in enumerate(several):
        if len(both := slopes(task, edit, trial, list(trial.right))):
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
    """All edits of a function and of those that it calls, the simplest first.

    They are compiled together, which is much quicker than one by one: where an expression can be edited now stands
    `(edit if the number is its own else the expression)`, and the number says which edit is at work.
    """
    sources = _sources(function)
    scope = {k: v for f, _ in sources.values() for k, v in f.__globals__.items()} | {NOW: threading.local()}
    found: list[Edit] = []
    for _, tree in sources.values():
        names, defined = _names(tree)
        for line, node, put, several in [*_places(tree, names, defined)]:
            put(_switch(node, len(found), _nodes(change.text for change in several)))
            numbers = range(len(found), len(found) + len(several))
            found += [
                Edit(partial(_with, scope, function.__name__, number), change, line, defined)
                for number, change in zip(numbers, several)
            ]
    exec(compile(ast.Module([tree for _, tree in sources.values()], []), "<edited>", "exec"), scope)
    return tuple(sorted(found, key=lambda edit: edit.change.rank))


def _with(scope: dict[str, Any], name: str, number: int, **arguments: Any) -> Any:
    """What the function gives with one of its edits."""
    scope[NOW].number = number  # of this thread: a class is graded by several
    return scope[name](**arguments)


def _switch(node: Any, first: int, others: Sequence[Any]) -> Any:
    """One of the others where the number is `first` or one of those that follow it, else the node."""
    now = ast.Attribute(ast.Name(NOW, ast.Load(), **HERE), "number", ast.Load(), **HERE)
    numbers: list[ast.expr] = [ast.Constant(i, **HERE) for i in range(first, first + len(others) + 1)]
    if isinstance(node, ast.stmt):
        return ast.If(ast.Compare(now, [ast.Eq()], numbers[:1], **HERE), list(others), [node], **HERE)
    chosen = others[-1]
    for i, other in reversed([*zip(numbers, others[:-1])]):
        chosen = ast.IfExp(ast.Compare(now, [ast.Eq()], [i], **HERE), other, chosen, **HERE)
    of_these = ast.Compare(numbers[0], [ast.LtE(), ast.Lt()], [now, numbers[-1]], **HERE)
    return ast.IfExp(of_these, chosen, node, **HERE)


NOW = "the_edit_now"
# Where in the file, which the compiler wants to know: said of what is new, since `ast.fix_missing_locations` looks
# everywhere, which takes twice as long as to compile.
HERE: dict[str, Any] = {"lineno": 1, "col_offset": 0}


def _sources(function: Callable[..., Any]) -> dict[str, tuple[FunctionType, ast.FunctionDef]]:
    """The syntax tree of a function, and of the exercises' own functions that it calls, but for those that are
    `CLOSED`."""
    found: dict[str, tuple[FunctionType, ast.FunctionDef]] = {}
    waiting: list[Any] = [function]
    for f in waiting:  # which grows
        if not isinstance(f, FunctionType) or f.__module__.rpartition(".")[0] != f"{__package__}.exercises":
            continue
        if f.__name__ not in (*found, *CLOSED) and isinstance(tree := _parsed(f), ast.FunctionDef):
            if ast.get_docstring(tree):
                tree.body.pop(0)
            found[f.__name__] = f, tree
            waiting += [f.__globals__.get(node.id) for node in ast.walk(tree) if isinstance(node, ast.Name)]
    return found


# Names that stand in everybody's formulas. What ours are made of, to be stable and analytic, is in no student's.
CLOSED = ("absolute", "sigmoid")


def _nodes(texts: Iterable[str]) -> list[Any]:
    """The trees of expressions, or of statements."""
    return [line.value if isinstance(line, ast.Expr) else line for line in ast.parse("\n".join(texts)).body]


def _parsed(function: FunctionType) -> ast.stmt | None:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    except OSError:  # installed without its source: then there is nothing to edit
        return None


def _names(tree: ast.FunctionDef) -> tuple[list[str], dict[str, str]]:
    """What a function gets and makes; and how it makes the latter."""
    assigned = [(node.targets[0], node.value) for node in ast.walk(tree) if isinstance(node, ast.Assign)]
    defined = {target.id: ast.unparse(value) for target, value in assigned if isinstance(target, ast.Name)}
    return [argument.arg for argument in tree.args.args] + list(defined), defined


def _places(
    tree: ast.FunctionDef, names: Sequence[str], defined: Mapping[str, str]
) -> Iterator[tuple[str, Any, Callable[[Any], None], list[Change]]]:
    """Every expression in the body and every +=: what its line makes, itself, what puts another in its place, and what
    may be put there."""
    body, counts = ast.Module(tree.body, []), _that_count(tree)
    made = {n: f[1] for n, v in defined.items() if (f := re.fullmatch(r"([\w.]+)\(\w+\)", v))}
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
            for i, node in enumerate(value) if isinstance(value, list) else ((None, value),):
                if not isinstance(node, (ast.expr, ast.AugAssign)) or field in ("func", "keys") or _is_stored(node):
                    continue
                several = [
                    *_changes(node, names, () if node in counts else WRAPS),
                    *_same_of_another(node, made, names),
                ]
                if several:
                    put = partial(setattr, parent, field) if i is None else partial(value.__setitem__, i)
                    yield makes.get(node, ""), node, put, several


def _is_stored(node: Any) -> bool:
    return isinstance(getattr(node, "ctx", None), ast.Store) or ast.unparse(node) == "np"


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


def _instead(rank: int, text: str, node: Any) -> Change:
    """One thing for another."""
    return Change(rank, text, ast.unparse(node), text)


def _changes(node: Any, names: Sequence[str], wraps: Sequence[str]) -> Iterator[Change]:
    """All that may stand where an expression, or a +=, stands."""
    whole = ast.unparse(node)
    if isinstance(node, ast.AugAssign):
        sign = SIGNS[type(node.op)]
        yield Change(1, whole.replace(f" {sign}= ", " = ", 1), f"{sign}=", "=")
    if text := _other_order(node):
        yield _instead(2, text, node)
    if text := _reshaped(node):
        yield Change(2, text, whole, "reshape")
    if isinstance(node, ast.BinOp) and (sign := SIGNS.get(type(node.op), "")):
        yield from _of_two(_operand(node.left, sign), sign, _operand(node.right, sign))
        yield from (_instead(3, other, node) for other in names if wraps)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield Change(0, ast.unparse(node.operand), "-", "")
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        c: Any = node.value
        others = (0, 1, 2, -1, c + 1, c - 1, -c, 2 * c, c / 2, None, *((1e-8, 1e-3, c**0.5) if 0 < c < 0.01 else ()))
        yield from (_instead(2, str(other), node) for other in dict.fromkeys(others) if other != c)
    elif isinstance(node, ast.Attribute) and node.attr == "T":
        yield Change(1, ast.unparse(node.value), ".T", "")
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        left, right = ast.unparse(node.left), ast.unparse(node.comparators[0])
        yield from (_instead(1, f"{left} {sign} {right}", node) for sign in ("<", "<=", ">", ">=", "==", "!="))
    elif isinstance(node, ast.Call):
        yield from _of_call(node)
    elif isinstance(node, ast.Name):
        yield from (_instead(3, other, node) for other in (*names, *("0", "1") * bool(wraps)) if other != whole)
    if isinstance(node, (ast.Name, ast.Call, ast.Subscript)) and "real" not in whole:
        yield from (_instead(4, wrap.format(whole, whole), node) for wrap in wraps)


def _same_of_another(node: Any, made: Mapping[str, str], names: Sequence[str]) -> Iterator[Change]:
    """Where a name stands for f(x), the same f of another name."""
    if isinstance(node, ast.Name) and node.id in made:
        yield from (_instead(3, f"{made[node.id]}({other})", node) for other in names)


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
    yield Change(0, a, f"{sign} {b}", "")
    if sign in "+*@":
        yield Change(0, b, f"{a} {sign}", "")
    if sign == "-":
        yield Change(0, f"-({b})", a, "")
        yield Change(0, b, f"{a} -", "")
    if sign == "/":
        yield Change(0, f"1 / ({b})", a, "1")
    if sign in "/@":
        yield Change(1, f"({b}) {sign} ({a})", f"{a} {sign} {b}", f"{b} {sign} {a}")
    if other := {"+": "-", "-": "+", "*": "/", "/": "*"}.get(sign):
        yield Change(1, f"({a}) {other} ({b})", f"{sign} {b}", f"{other} {b}")
    if sign == "*":
        yield Change(1, f"({a}) + ({b})", f"{a} * {b}", f"{a} + {b}")


def _of_call(node: ast.Call) -> Iterator[Change]:
    """Edits of a call: another function, none, another axis, other places for its arguments."""
    function, parts = ast.unparse(node.func), [ast.unparse(part) for part in node.args]
    inside = ", ".join([*parts, *(ast.unparse(part) for part in node.keywords)])
    last = function.rpartition(".")[2]
    is_helper = isinstance(node.func, ast.Name) and len(parts) == 1 and not node.keywords
    if is_helper:
        yield _instead(2, f"np.exp(-({inside}))", node)
    if is_helper or last in FUNCTIONS:
        yield _instead(1, parts[0], node)
        yield from (_instead(2, f"np.{other}({inside})", node) for other in FUNCTIONS)
    if last in REDUCTIONS and isinstance(node.func, ast.Attribute):
        of = ast.unparse(node.func.value)
        yield from (_instead(1, f"({of}).{other}({inside})", node) for other in REDUCTIONS if other != last)
        yield _instead(1, f"({of}).{last}()", node)
        yield from (_instead(2, f"({of}).{last}({axis}, keepdims=True)", node) for axis in (0, 1))
        yield Change(1, of, f".{last}({inside})", "")
    for a, b in itertools.combinations(range(len(parts)), 2):
        swapped = [parts[{a: b, b: a}.get(i, i)] for i in range(len(parts))]
        yield _instead(2, f"{function}({', '.join(swapped)})", node)
    if function == "np.pad":
        yield from (Change(2, f"np.pad({inside}, mode='{m}')", "zeros", m) for m in ("wrap", "edge", "reflect"))
    if function == "len":
        yield from (
            _instead(1, other, node) for other in ("1", f"{inside}.size", f"{inside}.shape[1]", f"len({inside}) - 1")
        )


def _said(text: str) -> str:
    """Code as it is read: without what is there for complex steps, and for Python."""
    text = re.sub(r"np\.real\((\w+)\)", r"\1", text).replace("np.", "").replace("--", "")
    text = re.sub(r"\b_(\w+\()", r"\1", text)  # a helper's name, without the mark that says it is one
    return text.replace(" ** 2", "²").replace(" ** 0.5", " ** ½").replace("*", "·").replace("··", "**")
