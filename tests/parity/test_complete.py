"""Nothing public is left without a comparison."""

import ast
import re
from pathlib import Path
from types import ModuleType

import pytest

import scratchgen.functional as F
from scratchgen import nn, optim

from . import compare  # skips this file, too, where PyTorch is missing

NO_COUNTERPART = {
    "astype": "a change of precision, which these tests never make",
    "to": "a change of device",
    "getitem": "compared as x[…]",
    "dropout": "draws its mask from another generator",
    "Dropout": "draws its mask from another generator",
    "Optimizer": "what the optimizers share",
    "warm_up": "PyTorch counts its steps differently",
    "Maxout": "PyTorch has none; it is a Linear and a maximum, each compared",
    "Module": "what the layers share",
    "ModuleList": "computes nothing",
    "Parameter": "computes nothing",
    "init": "draws from another generator",
}
ROOMS = {  # by the names that the tests call them, with the tests' files
    "F": (F, "test_functional.py", "test_convolution.py"),
    "nn": (nn, "test_nn.py", "test_recurrent.py"),
    "optim": (optim, "test_optim.py"),
}


def definitions(path):
    """The functions and tables at the top of a file, by their names."""
    found = {}
    for part in ast.parse(path.read_text()).body:
        if isinstance(part, ast.Assign):
            names = [node.id for target in part.targets for node in ast.walk(target) if isinstance(node, ast.Name)]
        else:
            names = [part.name] if isinstance(part, ast.FunctionDef | ast.ClassDef) else []
        found |= dict.fromkeys(names, part)
    return found


def parts_of(test, defined):
    """The test itself, and the tables and helpers of its file that it comes to."""
    parts, names = [], [test]
    for name in names:  # there come more of them
        if name in defined and defined[name] not in parts:
            parts.append(defined[name])
            names += [node.id for node in ast.walk(defined[name]) if isinstance(node, ast.Name)]
    return parts


def compared(room, path):
    """What the tests of a file compare of a room: `room.name`; and where they say `getattr(room, name)`, the names that
    are in the quotation marks of test and tables."""
    defined, found = definitions(path), set()
    for test in (name for name in defined if name.startswith("test_")):
        parts = parts_of(test, defined)
        text = "\n".join(map(ast.unparse, parts))
        if re.search(r"\b(agree|same|approx|assert_array_equal)\(", text):
            found.update(re.findall(rf"(?<![\w.]){room}\.(\w+)", text))
            if f"getattr({room}, " in text:
                tables = [part for part in parts if isinstance(part, ast.Assign)]
                found.update(re.findall(r"'(\w+)'", "\n".join(map(ast.unparse, [defined[test], *tables]))))
    return found


@pytest.mark.parametrize("name", ROOMS)
def test_every_public_name_is_compared(name):
    room, *files = ROOMS[name]
    public = getattr(room, "__all__", None) or [
        name for name, value in vars(room).items() if not name.startswith("_") and not isinstance(value, ModuleType)
    ]
    used = set().union(*(compared(name, Path(compare.__file__).with_name(file)) for file in files))
    assert set(public) - used == set(public) & set(NO_COUNTERPART)
