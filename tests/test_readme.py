"""The README's first lines of code do what the comments beside them say."""

import re
from pathlib import Path

import numpy as np


def test_in_one_minute():
    text = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
    section = text.split("## In one minute")[1].split("\n## ")[0]
    tensors, primitive, game = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    names: dict = {}
    *lines, last = tensors.strip().splitlines()
    exec("\n".join(lines), names)
    assert names["y"].item() == 14.0
    np.testing.assert_array_equal(names["x"].grad.numpy(), [2, 4, 6])
    np.testing.assert_array_equal(names["g"].numpy(), [3, 12, 27])
    np.testing.assert_array_equal(eval(last.partition("#")[0], names).numpy(), [6, 12, 18])

    *lines, last = primitive.strip().splitlines()
    exec("\n".join(lines), names)
    assert eval(last.partition("#")[0], names) is True

    before, epochs, after = game.partition("epochs=50")
    *lines, last = (before + "epochs=1" + after).strip().splitlines()
    assert epochs
    exec("\n".join(lines), names)
    samples = eval(last.partition("#")[0], names)
    assert samples.shape == (16, 784)
    assert -1 <= samples.min() < samples.max() <= 1
