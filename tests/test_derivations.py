"""The pages of derivations/: every link of the chain slide → equation → code → test (see `chain.py`)."""

import re

import pytest

from .chain import (
    LEDGER,
    PAGES,
    SOURCES,
    Page,
    check_citations,
    check_katex,
    check_ledger,
    check_links,
    check_markdown,
    check_numbering,
    check_proofs,
    check_quotations,
    equations,
    formulas,
    load_katex,
    refresh,
    resolve,
    source,
)


@pytest.fixture(scope="module")
def katex():
    return load_katex()


# ---------------------------------------------------------------------------------------------- the pages as they are
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@each_page
def test_formulas_survive_markdown(page):
    assert check_markdown(page) == []


@each_page
def test_katex_accepts_every_formula(page, katex):
    assert check_katex(page, katex) == []


def test_numbering_has_no_gaps_and_no_repeats():
    assert check_numbering(PAGES) == []
    assert len(equations(PAGES)) > 100  # the expressions above have found something


@pytest.mark.parametrize("page", PAGES + SOURCES, ids=lambda page: page.name)
def test_cited_equations_exist(page):
    assert check_citations(page, equations(PAGES)) == []


def test_every_equation_is_computed_and_tested():
    assert check_proofs(PAGES, SOURCES) == []


@each_page
def test_links_figures_and_names_exist(page):
    assert check_links(page) == []


@each_page
def test_quotations_equal_their_source(page):
    assert check_quotations(page) == []


def test_nothing_of_the_ledger_is_forgotten():
    assert check_ledger(PAGES, [s for s in SOURCES if s.name.startswith("tests/")]) == []


# ------------------------------------------------------------------------------ the checks, checked: planted faults
GOOD = Page(
    "derivations/99-planted.md",
    """# 99 · A page without faults

## Where we are

Inline $x+1$ and $`\\mathbb{E}_{q}[x]`$ (see [below](#eq-99-1), [Eq. 99.2](99-planted.md#eq-99-2)).

<a id="eq-99-1"></a>
**Eq. 99.1**
```math
a_1 \\\\ b^{2}
```

| | rule |
|---|---|
| <a id="eq-99-2"></a>**Eq. 99.2** | $`a\\mid b`$ |

<!-- source: scratchgen.functional.exp -->
```python
@primitive
def exp(x: Any) -> Any:
    \"\"\"z = eˣ.  Eq. 0.25 (derivations/00-autograd.md#eq-0-25)\"\"\"
    return np.exp(x)


exp.vjp(x=lambda g, out: g * out)
```
""",
)


def planted(old, new):
    assert old in GOOD.text
    return Page(GOOD.name, GOOD.text.replace(old, new, 1))


def test_the_good_page_is_good(katex, tmp_path):
    (tmp_path / "derivations").mkdir()
    (tmp_path / GOOD.name).write_text(GOOD.text, encoding="utf-8")
    assert [len(formulas(GOOD.text)), len(equations([GOOD]))] == [4, 2]
    assert check_markdown(GOOD) + check_katex(GOOD, katex) + check_numbering([GOOD]) + check_quotations(GOOD) == []
    assert check_links(GOOD, tmp_path) == []
    assert check_citations(GOOD, {**equations([GOOD]), "0.25": "derivations/00-autograd.md"}) == []


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("$x+1$", r"$x_{a}y_{b}$ and $\{x\}$", "Markdown turns"),
        ("$x+1$", r"$\mathbb{E}_{q}[x] + \mathbb{E}_{p}[y]$", "surviv|Markdown turns"),
        ("$x+1$", "the $x+1$-axis", "touches"),
        ("$x+1$", "$x+1$가", "touches"),
        ("$x+1$", "$x+1 $", "space"),
        ("$x+1$", "[$x+1$](#eq-99-1)", "inside a link"),
        ("$x+1$", "5 $", "lonely"),
        ("$x+1$", r"$x \tag{1}$", "refused"),
        ("$x+1$", "$$x+1$$", r"\$\$"),
        (r"a\mid b", "a|b", "splits"),
        ("| | rule |", "| | rule | edge |", "number of cells"),
        ("```math\na_1 \\\\ b^{2}\n```", "  ```math\n  a_1\n  ```", "indented"),
    ],
)
def test_formulas_that_markdown_breaks_are_caught(old, new, complaint):
    assert any(re.search(complaint, c) for c in check_markdown(planted(old, new)))


@pytest.mark.parametrize("wrong", [r"\frac{1}{", r"\nosuchmacro", "b^2^3", r"\left( b"])
def test_formulas_that_katex_refuses_are_caught(wrong, katex):
    assert len(check_katex(planted("b^{2}", wrong), katex)) == 1


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('eq-99-1"></a>\n**Eq. 99.1', 'eq-99-1"></a>\n**Eq. 99.2', "stands above"),
        ('<a id="eq-99-2"></a>**Eq. 99.2**', '<a id="eq-99-1"></a>**Eq. 99.1**', "there already"),
        ('<a id="eq-99-2"></a>**Eq. 99.2**', '<a id="eq-99-3"></a>**Eq. 99.3**', "Eq. 99.2 is missing"),
        ('<a id="eq-99-2"></a>**Eq. 99.2**', '<a id="eq-98-1"></a>**Eq. 98.1**', "does not belong"),
        ('<a id="eq-99-1"></a>\n', "", "1 anchors, 2 numbers"),
        ("**Eq. 99.1**\n", "", "2 anchors, 1 numbers"),
        ("**Eq. 99.1**\n```math", "**Eq. 99.1**\n\nProse.\n```math", "not followed by a formula"),
    ],
)
def test_faults_of_numbering_are_caught(old, new, complaint):
    assert any(complaint in c for c in check_numbering([planted(old, new)]))


def test_a_number_on_two_pages_is_caught():
    assert any("there already" in c for c in check_numbering([GOOD, GOOD]))


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("(#eq-99-1)", "(#eq-99-7)", "no such anchor"),
        ("(99-planted.md#eq-99-2)", "(99-planted.md#eq-99-7)", "no such anchor"),
        ("(99-planted.md#eq-99-2)", "(98-missing.md)", "leads nowhere"),
        ("$x+1$", "![a figure](figures/none.svg)", "leads nowhere"),
        ("$x+1$", "`scratchgen.functional.nothing`", "there is no"),
        ("$x+1$", "`tests/test_nothing.py`", "there is no"),
    ],
)
def test_broken_links_are_caught(old, new, complaint, tmp_path):
    page = planted(old, new)
    (tmp_path / "derivations").mkdir()
    (tmp_path / page.name).write_text(page.text, encoding="utf-8")
    assert any(complaint in c for c in check_links(page, tmp_path))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("np.exp(x)", "np.exp(-x)"),
        ("g * out)", "g * x)"),
        ("functional.exp", "functional.expm1"),
        ("functional.exp", "functional.none"),
        (" -->\n```python", " -->\n\n```python"),
        ("$x+1$", "x\n\n@primitive\ndef exp(x):\n    return x"),
    ],
)
def test_wrong_quotations_are_caught(old, new):
    assert len(check_quotations(planted(old, new))) == 1


KNOWN = {"99.1": GOOD.name, "99.2": GOOD.name}


@pytest.mark.parametrize(
    ("text", "caught"),
    [
        ("Eq. 99.1 (derivations/99-planted.md#eq-99-1)", False),
        ("Eqs. 99.1–99.2 and then Eqs. 99.1 and 99.2", False),
        ("Eq. 99.3", True),
        ("Eqs. 99.1–99.3", True),
        ("Eqs. 99.1 and 99.4", True),
        ("Eq. 99.1 (derivations/99-planted.md#eq-99-2)", True),
        ("Eq. 99.1 (derivations/98-other.md#eq-99-1)", True),
    ],
)
def test_citations_of_missing_equations_are_caught(text, caught):
    assert bool(check_citations(Page("scratchgen/planted.py", text), KNOWN)) == caught


def test_equations_without_code_or_test_are_caught():
    code = Page("scratchgen/planted.py", '"""Eqs. 99.1 and 99.2"""')
    test = Page("tests/test_planted.py", '@pytest.mark.equation("99.1", "99.2")\ndef test(): ...')
    assert check_proofs([GOOD], [code, test]) == []
    unproved, uncited = planted_text(test, ', "99.2"', ""), planted_text(code, " and 99.2", "")
    assert check_proofs([GOOD], [code, unproved]) == [f"{GOOD.name}: no test is marked with Eq. 99.2"]
    assert check_proofs([GOOD], [uncited, test]) == [f"{GOOD.name}: no code cites Eq. 99.2"]
    assert any("on no page" in c for c in check_proofs([GOOD], [code, planted_text(test, '"99.2"', '"99.2", "99.9"')]))
    definition = Page(GOOD.name, f"{GOOD.text}\n## Definitions\n\nEq. 99.2.\n")
    argument = Page(GOOD.name, f"{GOOD.text}\n## Arguments\n\nEq. 99.2.\n")
    short = Page(test.name, "eq = pytest.mark.equation\n@eq('99.1')\ndef test(): ...\ncase(marks=eq('99.2'))")
    assert check_proofs([GOOD], [code, short]) == []
    assert check_proofs([definition], [uncited, unproved]) == []
    assert check_proofs([argument], [uncited, test]) == []
    assert check_proofs([argument], [uncited, unproved]) == [f"{GOOD.name}: no test is marked with Eq. 99.2"]


def planted_text(page, old, new):
    assert old in page.text
    return Page(page.name, page.text.replace(old, new))


def test_forgotten_ids_of_the_ledger_are_caught():
    rest = " ".join(sorted(LEDGER - {"E1", "E4"}))
    covered = "| id | page |\n|---|---|\n| E1, E4 | [p](99-p.md) |"
    lecture_map = Page("derivations/README.md", f"## Covered\n\n{covered}\n\n## Still to come\n\n{rest}\n")
    page = Page("derivations/99-p.md", "The slip of E1, and E4.")
    test = Page("tests/test_planted.py", '@pytest.mark.ledger("E1")\ndef test(): ...')

    def complaint(*changes, of):
        before, changed = [lecture_map, page, test], planted_text(of, *changes)
        *pages, tests = [changed if p is of else p for p in before]
        return check_ledger(pages, [tests])

    assert check_ledger([lecture_map, page], [test]) == []
    assert complaint("E13", "", of=lecture_map) == ["E13 is neither covered nor still to come"]
    assert complaint("E13", "E13 E1", of=lecture_map) == ["E1 is covered, and said to be still to come"]
    assert complaint("E13", "E13 E77", of=lecture_map) == ["the ledger has no E77"]
    assert complaint("E4", "", of=page) == ["99-p.md does not mention E4"]
    assert complaint("E1", "E2", of=test) == ["E1 is said to be covered, but no test is marked with it"]


def test_dotted_names_resolve_to_their_source():
    assert source("scratchgen.autograd.engine.Tensor.detach").startswith("def detach(self)")
    assert source("scratchgen.functional.relu").startswith("@primitive\ndef relu(")
    assert "\n\n\nrelu.vjp(x=lambda" in source("scratchgen.functional.relu")
    with pytest.raises(ImportError):
        resolve("nosuchpackage.thing")


def test_a_stale_quotation_can_be_refreshed():
    stale = planted("np.exp(x)", "np.exp(-x)")
    assert refresh(stale) == GOOD.text
