"""What is told of what was found: to people, to programs, and in points."""

import html.parser
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from scratchgen.checker import complete
from scratchgen.checker.exercises import EXERCISES
from scratchgen.checker.judge import judge
from scratchgen.checker.messages import LANGUAGES
from scratchgen.checker.report import HINTS, WORDS, Report
from scratchgen.checker.sandbox import Failure, Here

LINEAR = """
def linear_forward(x, weight, bias):
    return {forward}
def linear_backward(dout, x, weight, bias):
    return {dx}, {dweight}, {dbias}
"""
PARTS = {"forward": "x @ weight.T + bias", "dx": "dout @ weight", "dweight": "dout.T @ x", "dbias": "dout.sum(0)"}


def linear(**parts):
    return LINEAR.format(**{**PARTS, **parts})


def report_of(source, **options):
    scope = {"np": np}
    exec(source, scope)
    here = Here({name: f for name, f in scope.items() if getattr(f, "__code__", None)})
    with np.errstate(all="ignore"):
        judged = tuple(j for exercise in EXERCISES.values() for j in judge(exercise, here))
    return Report(judged, **options)


SOURCES = {
    "right": linear(),
    "a factor": linear(dweight="-dout.T @ x"),
    "a shape": linear(dbias="dout"),
    "infinite": linear(dx="dout @ weight / 0.0"),
    "not a number": linear(forward="np.log(-1 + 0 * (x @ weight.T))"),
    "an exception": linear(dx="y"),
    "integers": linear(dbias="dout.sum(0).astype(int)"),
    "not explained": linear(dx="np.sin(37 * (dout @ weight)) ** 3 + x"),
    "nothing": "",
}


# ------------------------------------------------------------------------------------------------------------- schemas
def fits(value, schema, at="$"):
    """Assert that a value is as a schema says: a type, a set of values, {"key": schema} with "key?" for one that may
    be left out, [schema] for a list, {str: schema} for a dict with any keys, or a tuple of alternatives."""
    if isinstance(schema, tuple):
        errors = []
        for one in schema:
            try:
                return fits(value, one, at)
            except AssertionError as error:
                errors.append(str(error))
        raise AssertionError("; ".join(errors))
    if isinstance(schema, list):
        assert isinstance(value, list), at
        for i, item in enumerate(value):
            fits(item, schema[0], f"{at}[{i}]")
    elif isinstance(schema, dict) and str in schema:
        assert isinstance(value, dict), at
        for key, item in value.items():
            fits(item, schema[str], f"{at}.{key}")
    elif isinstance(schema, dict):
        assert isinstance(value, dict), at
        assert set(value) <= {key.rstrip("?") for key in schema}, (at, set(value))
        for key, item in schema.items():
            assert key.endswith("?") or key in value, f"{at}.{key} is missing"
            if key.rstrip("?") in value:
                fits(value[key.rstrip("?")], item, f"{at}.{key}")
    elif isinstance(schema, (set, frozenset)):
        assert value in schema, (at, value)
    elif schema is float:
        assert type(value) in (int, float), (at, value)
    else:
        assert isinstance(value, schema), (at, value)
        assert schema is not int or type(value) is int, (at, value)
    return None


NONE = type(None)
NUMBER = (float, {"inf", "-inf", "nan"})
FAILURE = (NONE, {"kind": set(WORDS["en"]["failed"]), "text": str, "line": (NONE, int)})
ARRAY = {
    "ok": bool,
    "status": {"right", "nearly", "wrong"},
    "max_rel": NUMBER,
    "wrong": int,
    "total": int,
    "shape": [int],
    "expected_shape": [int],
    "dtype": str,
    "worst": (NONE, {"index": [int], "yours": NUMBER, "right": NUMBER}),
}
OURS = {
    "schema": {"scratchgen.checker/1"},
    "status": {"right", "wrong", "unjudged"},
    "failure": FAILURE,
    "seed": (NONE, int),
    "hints": set(HINTS),
    "score": float,
    "max_score": float,
    "functions": [
        {
            "name": str,
            "exercise": set(EXERCISES),
            "status": {"right", "wrong", "unjudged"},
            "points": float,
            "max_points": float,
            "failure": FAILURE,
            "forward": (NONE, {"ok": bool, "max_rel?": NUMBER}),
            "consistent_with_own_forward": (NONE, bool),
            "grads?": {str: (ARRAY, {"ok": bool, "status": {"right", "nearly", "wrong"}})},
            "outputs?": {str: (ARRAY, {"ok": bool, "status": {"right", "nearly", "wrong"}})},
            "why": [{"code": str, "text": str, "fix?": str, "arrays": [str], "evidence": int, "located": bool}],
            "notes": [str],
        }
    ],
    "misnamed": {str: str},
    "printed": str,
    "versions": {"scratchgen": str, "numpy": str},
}
FORMATS = {"text", "html", "simple_format", "md", "ansi"}
VISIBILITIES = {"hidden", "after_due_date", "after_published", "visible"}
GRADESCOPE = {  # what Gradescope's specification of results.json allows
    "score?": float,
    "execution_time?": float,
    "output?": str,
    "output_format?": FORMATS,
    "test_output_format?": FORMATS,
    "test_name_format?": FORMATS,
    "visibility?": VISIBILITIES,
    "stdout_visibility?": VISIBILITIES,
    "extra_data?": {str: object},
    "leaderboard?": [{"name": str, "value": object, "order?": {"asc", "desc"}}],
    "tests?": [
        {
            "score?": float,
            "max_score?": float,
            "status?": {"passed", "failed"},
            "name?": str,
            "name_format?": FORMATS,
            "number?": str,
            "output?": str,
            "output_format?": FORMATS,
            "tags?": [str],
            "visibility?": VISIBILITIES,
            "extra_data?": {str: object},
        }
    ],
}


def strict(text):
    """JSON as the standard has it: neither NaN nor Infinity."""

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("hints", HINTS)
@pytest.mark.parametrize("name", SOURCES)
def test_json_has_the_fields_of_its_schema(name, hints):
    facts = strict(report_of(SOURCES[name], hints=hints).json())
    fits(facts, OURS)
    for function in facts["functions"]:
        for array in {**function.get("grads", {}), **function.get("outputs", {})}.values():
            assert array["ok"] == (array["status"] != "wrong")
            assert not array["ok"] or array.get("worst") is None  # the right numbers are nobody's business
        assert ("grads" in function) == function["name"].endswith("_backward") != ("outputs" in function)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", SOURCES)
def test_results_json_is_as_gradescope_has_it(name, language):
    report = report_of(SOURCES[name], language=language)
    results = strict(report.gradescope(1.23456))
    fits(results, GRADESCOPE)
    assert results["score"] == report.score()
    assert results["execution_time"] == 1.235
    assert sum(test["score"] for test in results["tests"]) == pytest.approx(results["score"], abs=1e-4)
    for test in results["tests"]:
        assert 0 <= test["score"] <= test["max_score"]
        assert (test["status"] == "passed") == (test["score"] == test["max_score"])
        assert "\r" not in test["output"]


def test_a_schema_refuses_what_it_should():
    right = strict(report_of(SOURCES["right"]).gradescope())
    fits(right, GRADESCOPE)
    wrong = [{**right, "grade": 1}, {**right, "score": "1"}, {**right, "tests": [{"status": "ok"}]}, {"tests": {}}]
    for results in wrong:
        with pytest.raises(AssertionError):
            fits(results, GRADESCOPE)
    facts = strict(report_of(SOURCES["right"]).json())
    for changed in ({**facts, "seed": 0.5}, {k: v for k, v in facts.items() if k != "score"}):
        with pytest.raises(AssertionError):
            fits(changed, OURS)


def test_infinities_are_words_in_json():
    facts = strict(report_of(SOURCES["infinite"]).json())
    dx = facts["functions"][1]["grads"]["dx"]
    assert dx["max_rel"] == "inf"
    assert dx["worst"]["yours"] in ("inf", "-inf")
    facts = strict(report_of(SOURCES["not a number"]).json())
    assert facts["functions"][0]["outputs"]["out"]["worst"]["yours"] == "nan"


def test_json_is_the_same_each_time():
    for source in SOURCES.values():
        assert report_of(source).json() == report_of(source).json()


# -------------------------------------------------------------------------------------------------------------- points
def points(source, exercises=("linear",), **options):
    report = complete(report_of(source, points=dict.fromkeys(exercises, 10.0), **options), exercises)
    return {j.task.name: round(report.points_of(j), 5) for j in report.judged}, report.score()


@pytest.mark.parametrize(
    ("parts", "forward", "backward"),
    [
        ({}, 3, 7),
        ({"forward": "x @ weight.T"}, 0, 7),
        ({"dx": "dout @ weight + x"}, 3, 7 * 2 / 3),
        ({"dx": "x", "dweight": "weight"}, 3, 7 / 3),
        ({"forward": "x @ weight.T - bias", "dx": "x", "dweight": "weight", "dbias": "bias"}, 0, 0),
        ({"dweight": "dout.T @ x / len(x)"}, 3, 7 * 2.5 / 3),
        ({"dx": "-dout @ weight", "dweight": "-dout.T @ x", "dbias": "-dout.sum(0)"}, 3, 3.5),
        ({"forward": "2 * (x @ weight.T + bias)"}, 1.5, 7),
        ({"dx": "dout @ weight * x"}, 3, 7 * 2 / 3),
    ],
)
def test_forward_three_tenths_and_the_gradients_share_the_rest(parts, forward, backward):
    """Half of its share for an array that is right but for a constant; nothing for any other that is wrong."""
    by_name, score = points(linear(**parts))
    assert by_name == {"linear_forward": round(forward, 5), "linear_backward": round(backward, 5)}
    assert score == round(forward + backward, 5)


@pytest.mark.parametrize(("ratio_credit", "expected"), [(0.0, 14 / 3), (0.5, 35 / 6), (1.0, 7)])
def test_ratio_credit(ratio_credit, expected):
    by_name, _ = points(linear(dweight="dout.T @ x / len(x)"), ratio_credit=ratio_credit)
    assert by_name["linear_backward"] == round(expected, 5)


def test_a_factor_of_a_part_brings_nothing():
    """Of the KL in an ELBO, and the rest right: not a factor of the whole."""
    report = report_of(linear(dweight="-dout.T @ x"), points={"linear": 10.0})
    forward, backward = report.judged
    [e] = backward.explanations
    part = replace(backward, explanations=(replace(e, facts={**e.facts, "term": "the KL"}),))
    assert report.score() == round(3 + 7 * 2.5 / 3, 5)
    assert replace(report, judged=(forward, part)).score() == round(3 + 7 * 2 / 3, 5)


def test_what_is_not_handed_in_counts_where_points_are_given():
    half = linear().split("def linear_backward")[0]
    assert points(half) == ({"linear_forward": 3.0, "linear_backward": 0.0}, 3.0)
    assert points("") == ({"linear_forward": 0.0, "linear_backward": 0.0}, 0.0)
    assert report_of(half).score() == 1.0  # alone, by oneself: all there is


def test_one_function_without_a_derivative_is_worth_all():
    source = "def sgd_step(parameter, gradient, lr):\n    return parameter - lr * gradient\n"
    assert points(source, ["sgd_step"]) == ({"sgd_step": 10.0}, 10.0)


def test_scores_have_five_digits():
    report = report_of(linear(dx="x"), points={"linear": 1.0})
    assert report.score() == 0.76667
    assert report.max_score() == 1.0
    assert [f["points"] for f in report.facts()["functions"]] == [0.3, 0.46667]


# --------------------------------------------------------------------------------------------------------- one gradient
def test_one_gradient_only():
    report = report_of(linear(dweight="dout.T @ x / len(x)"))
    assert [report.only(name).ok for name in ("dx", "dweight", "dbias", "out")] == [True, False, True, True]
    text = str(report.only("dweight"))
    assert "dweight is exactly 1/N" in text
    assert "dx" not in text
    assert "linear_forward" not in text
    with pytest.raises(ValueError, match="'dW'; there are out, dx, dweight, dbias"):
        report.only("dW")


# --------------------------------------------------------------------------------------------------------------- people
class Tags(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append(tag)

    def handle_data(self, data):
        self.text += data


EVIL = "<script>alert(1)</script>&amp;```\x1b[31m\ud800"


def evil():
    source = f"def relu_forward(x):\n    raise ValueError({EVIL!r})\n"
    return report_of(source, printed="<b>printed</b>")


def test_html_escapes_all_that_is_a_students():
    report = evil()
    for text in (report.html(), report._repr_html_()):
        tags = Tags(text)
        assert set(tags.found) <= {"html", "head", "meta", "title", "body", "pre"}
        assert "<script>alert(1)</script>&amp;" in tags.text
    whole = Report((), failure=Failure("exception", EVIL.replace("\ud800", "")))
    assert "script" not in Tags(whole.html()).found
    assert report.html().count("<!doctype html>") == 1
    assert "<html" not in report._repr_html_()


def test_a_students_text_ends_no_markdown_and_moves_no_cursor():
    report = evil()
    output = strict(report.gradescope())["tests"][0]["output"]
    assert output.count("```") == 2
    assert output.endswith("```")
    for text in (report.text(), report.json(), report.html(), report.gradescope()):
        text.encode("utf-8")
        assert "\x1b" not in text


def test_a_page_says_what_the_text_says():
    report = report_of(SOURCES["a factor"])
    shown = Tags(report.html()).text
    for line in report.text().splitlines():
        assert line in shown
    assert Tags(report._repr_html_()).found.count("pre") == 3


def test_colour_is_for_terminals():
    report = report_of(SOURCES["a factor"])
    plain, coloured = report.text(), report.text(colour=True)
    assert re.sub(r"\033\[\d+m", "", coloured) == plain
    assert "\033[32m✓\033[0m linear_forward" in coloured
    assert "\033[31m✗\033[0m linear_backward" in coloured


def test_both_languages_have_the_same_words():
    assert WORDS["en"].keys() == WORDS["ko"].keys()
    assert WORDS["en"]["failed"].keys() == WORDS["ko"]["failed"].keys()
    for name, english in WORDS["en"].items():
        if isinstance(english, str):
            assert set(re.findall(r"{(\w+)", english)) == set(re.findall(r"{(\w+)", WORDS["ko"][name])), name
