"""The tables of this folder's README are those of results.json."""

import json

from . import tables


def test_the_readme_has_what_was_measured():
    results = json.loads(tables.RESULTS.read_text(encoding="utf-8"))
    assert tables.growth(results) in tables.RESULTS.with_name("README.md").read_text(encoding="utf-8")


def test_a_power_is_found():
    sizes = (2, 4, 8)
    measured = [{"side": n, "images": 1, "rows": [{"name": "ours", "seconds": 1e-3 * n**1.5}]} for n in (8, 2, 4)]
    measured.append({"side": 16, "images": 2, "rows": [{"name": "ours", "seconds": 9.0}]})  # another size of the rest
    lines = tables.table("Step", "side", measured, {"side": 4, "images": 1}).splitlines()[4:]
    assert [line.split(" | ")[0] for line in lines] == [f"| {n}" for n in sizes]
    assert ["side^1.50" in line for line in lines] == [False, True, True]
    assert float(lines[1].split(" | ")[1]) == 8.0
