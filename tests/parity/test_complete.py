"""Nothing public is left without a comparison."""

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


@pytest.mark.parametrize("room", [F, nn, optim], ids=["functional", "nn", "optim"])
def test_every_public_name_is_compared(room):
    public = getattr(room, "__all__", None) or [
        name for name, value in vars(room).items() if not name.startswith("_") and not isinstance(value, ModuleType)
    ]
    text = "".join(path.read_text() for path in Path(compare.__file__).parent.glob("test_*.py"))
    used = set(re.findall(r'(?:\b(?:F|nn|optim)\.|")(\w+)', text))
    assert not set(public) - used - set(NO_COUNTERPART)
