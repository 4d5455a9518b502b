"""Whatever can be found has its sentences, in both languages, and they can be filled in."""

import re
import string
from pathlib import Path

import numpy as np
import pytest

from scratchgen.checker import inputs, structure
from scratchgen.checker.exercises import EXERCISES
from scratchgen.checker.messages import LANGUAGES, MESSAGES, failed, say, word

FOUND = r'(?:Explanation|Note)\(\s*"([A-Z_]+)"(?: if [^"]*"[^"]*" else "([A-Z_]+)")?'
SOURCES = [path.read_text(encoding="utf-8") for path in Path(structure.__file__).parent.glob("*.py")]
GENERAL = {code for source in SOURCES for found in re.findall(FOUND, source) for code in found if code}
GENERAL |= {code for code, _ in structure.REPAIRS} | {"EXTRA_FACTOR", "MISSING_FACTOR", "STRESS", "OVERFLOW", "NEARLY"}
KNOWN = {mistake.code for exercise in EXERCISES.values() for mistake in exercise.mistakes}


@pytest.mark.parametrize("code", sorted(GENERAL | KNOWN))
def test_every_code_is_said_in_both_languages(code):
    for language in LANGUAGES:
        message = MESSAGES[code][language]
        assert message.why
        assert any("가" <= letter <= "힣" for letter in message.why) == (language == "ko")


def test_most_general_codes_are_found_in_the_source():
    """So that the list above is not empty by a change of style."""
    assert {"SIGN", "FACTOR", "ZERO", "TERMS", "SWAPPED", "WRONG_INPUT", "RANDOM", "KINK", "TRANSPOSED"} <= GENERAL


@pytest.mark.parametrize("code", sorted(KNOWN))
def test_a_known_mistake_needs_no_facts_but_its_arrays(code):
    for message in MESSAGES[code].values():
        fields = {field for text in message for _, field, _, _ in string.Formatter().parse(text) if field}
        assert fields <= {"arrays"}


@pytest.mark.parametrize(
    ("code", "facts", "english", "korean"),
    [
        ("SIGN", {"factor": "−1", "term": "the KL"}, "The part “the KL” of dx has", "dx의 “KL” 항의 부호"),
        ("FACTOR", {"factor": "N", "values": "8, 10, 7"}, "exactly N times the right one (8, 10, 7", "N배입니다 (세"),
        ("FACTOR", {"factor": "1/2", "values": ""}, "exactly 1/2 times the right one.", "1/2배입니다."),
        ("EXTRA_FACTOR", {"quantity": "σ", "power": 2.0, "factor": "−1"}, "by the square of σ once", "σ의 제곱이(가)"),
        ("MISSING_FACTOR", {"quantity": "the noise", "power": 1.0, "factor": "1/N"}, "by the factor 1/N", "1/N배"),
        ("TERMS", {"weights": {"the KL": "0"}, "right": 2}, "“the KL” is missing. The other parts", "나머지 항은 맞"),
        ("TERMS", {"weights": {"the KL": "0", "a": "2"}, "right": 0}, "The part “a” comes 2 times.", "2배로 들어"),
        ("BLOCKS", {"axis": 0, "parts": 4, "order": (1, 0, 2, 3)}, "blocks along axis 0 are", "수는 맞지만 0번 축의"),
        ("ADDED", {"times": "1", "factor": "0.1", "quantity": "x"}, "the right one, with 0.1 times x", "정답에 x"),
        ("ADDED", {"times": "N", "factor": "2", "quantity": "1"}, "N times the right one, with 2", "N배에 상수 1"),
        ("MISSING_FACTOR", {"arrays": "dx, dy", "quantity": "σ", "power": 1.0}, "Each of dx, dy is", "dx, dy에 σ"),
        ("WRONG_INPUT", {"argument": "x", "instead": "the mean of x over axis 0"}, "over axis 0", "축 평균"),
        ("INDICES", {"argument": "x", "axis": 0, "which": "only the last"}, "along axis 0", "마지막 것만"),
        ("INDICES", {"argument": "x", "axis": 0, "which": "", "weights": [1.0, 0.5]}, "count (1, 0.5)", "(1, 0.5)"),
        ("SUMMED_OVER", {"argument": "dout", "axes": (0, 2)}, "over axes 0 and 2", "0, 2번 축"),
        ("PLACE", {"place": "the last index of axis 2", "wrong": 9}, "index of axis 2", "2번 축의 마지막"),
        ("NOT_FINITE", {"name": "dx", "index": (2, 1)}, "the first at dx[2, 1]", "dx[2, 1]"),
    ],
)  # fmt: skip
def test_facts_stand_in_the_sentence(code, facts, english, korean):
    for language, expected in zip(LANGUAGES, (english, korean)):
        said = say(code, language, {"arrays": "dx", **facts})
        assert expected in said.why
        assert "{" not in said.why + said.fix


def test_where_all_parts_are_wrong_none_is_called_right():
    facts = {"arrays": "m", "weights": {"the old m": "0", "the gradient": "2"}, "right": 0}
    assert "other" not in say("TERMS", "en", facts).why
    assert "나머지" not in say("TERMS", "ko", facts).why


@pytest.mark.parametrize("factor", ["(1−p)²", "lr²", "1/√(1−beta1)"])
def test_a_factor_is_asked_for_by_the_names_in_it(factor):
    asked = say("FACTOR", "en", {"arrays": "dx", "factor": factor, "values": ""}).fix
    assert re.search(r"Where does (p|lr|beta1) come in", asked)


def test_what_belongs_in_a_place_is_told_only_by_how_to_mend_it():
    """Hints up to WHY leave the right formula to the student."""
    facts = {"removed": "- mean", "put": "", "line": "variance", "meaning": "mean = x.mean(0)", "arrays": "out"}
    for code, put in (("LEFT_OUT", ""), ("EDIT", "x²")):
        for language in LANGUAGES:
            said = say(code, language, {**facts, "put": put})
            assert "- mean" in said.fix
            assert "mean = x.mean(0)" in said.fix
            assert "mean" not in said.why
            assert "variance" in said.why
            assert put in said.why


def labels():
    """What the exercises and the detectors call things."""
    yield from (label.format("x") for label, _ in inputs.CHANGES)
    yield from inputs.PATTERNS
    for exercise in EXERCISES.values():
        arguments = exercise.arguments(np.random.default_rng(0), 0)
        yield from exercise.quantities(**arguments) if exercise.quantities else ()
        for named in (exercise.terms, exercise.where):
            for of_one in named(**arguments).values() if named else ():
                yield from of_one


def test_labels_have_korean_names():
    """Formulas and names of arguments stay as they are."""
    formula = {"tanh", "cosh", "log", "sum", "exp", "max", "dout", "noise", "mean", "log_variance", "relu"}
    english = {label for label in labels() if set(re.findall("[A-Za-z_]{3,}", word(label, "ko"))) - formula}
    assert english == set()


def test_a_fact_that_is_missing_stays_in_its_braces():
    assert "{arrays}" in say("SIGN", "en", {}).why


def test_a_code_without_sentences_is_an_error():
    with pytest.raises(KeyError):
        say("NO_SUCH_CODE", "en", {})


SOURCE = Path(structure.__file__).parent
TOLD = re.compile(r'(?:Contract|Failure|_Ended)\(\s*(?:"[a-z]+", )?((?:\s*f?"[^"]*")+)')


def failures():
    """Every sentence that tells why a function was not judged, with something in its braces."""
    for file in ("student.py", "sandbox.py", "__init__.py", "grading.py"):
        for found in TOLD.findall((SOURCE / file).read_text(encoding="utf-8")):
            text = "".join(re.findall(r'"([^"]*)"', found))
            for inside, what in (
                (r"\{[^}]*(len|least|size|nbytes|status|length|FILES|takes)[^}]*\}", "7"),
                (r"\{[^}]*\}", "relu"),
            ):
                text = re.sub(inside, what, text)
            if " " in text:  # a sentence, not a kind
                yield text


def test_there_are_failures_to_tell():
    assert len(set(failures())) >= 15


@pytest.mark.parametrize("text", sorted(set(failures())))
def test_a_failure_is_told_in_korean(text):
    said = failed(text, "ko")
    assert any("가" <= letter <= "힣" for letter in said), text
    assert failed(text, "en") == text


def test_what_python_says_stays():
    assert failed("ValueError: shapes (3,) and (4,)", "ko") == "ValueError: shapes (3,) and (4,)"
