"""Is the chain whole: slide → equation → code → test?

Each check takes pages as text and returns a list of complaints, so that the second half of this file can plant a
fault, hand the page to the same check, and ask that it complains.
"""

import ast
import html
import importlib
import inspect
import re
import textwrap
from pathlib import Path
from typing import NamedTuple

import cmarkgfm
import pytest
import quickjs

from scratchgen.autograd.engine import Primitive

ROOT = Path(__file__).parents[1]


class Page(NamedTuple):
    name: str  # relative to the repository, with forward slashes
    text: str


def read(*patterns):
    found = sorted({path for pattern in patterns for path in ROOT.glob(pattern)} - {Path(__file__)})
    return [Page(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in found]


PAGES = read("derivations/*.md")
SOURCES = read("scratchgen/**/*.py", "tests/**/*.py", "demos/**/*.py")


# ----------------------------------------------------------------------------------------------------- formulas
class Formula(NamedTuple):
    tex: str
    display: bool


FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"\$`([^`]+)`\$|`[^`]*`|\$([^$\n]+)\$")
REFUSED = ("$$", r"\tag", r"\label", r"\eqref", r"\operatorname", r"\newcommand", r"\mbox", r"\phantom", r"\bm{")


def formulas(text):
    """The formulas of a page as its author wrote them: displays first, then inline ones, each in order."""
    displays = [Formula(body.rstrip("\n"), True) for _, kind, body in FENCE.findall(text) if kind == "math"]
    inline = [Formula(quoted or plain, False) for quoted, plain in INLINE.findall(FENCE.sub("", text)) if quoted or plain]
    return displays + inline


def rendered_formulas(text):
    """The formulas of a page as they arrive at MathJax, after Markdown has been through them."""
    page = cmarkgfm.github_flavored_markdown_to_html(text, options=cmarkgfm.cmark.Options.CMARK_OPT_UNSAFE)
    fence = re.compile(r'<pre lang="(\w+)"><code>(.*?)</code></pre>', re.DOTALL)
    displays = [Formula(html.unescape(body).rstrip("\n"), True) for kind, body in fence.findall(page) if kind == "math"]
    inline = re.compile(r"\$<code>(.*?)</code>\$|<code>.*?</code>|\$([^$]+)\$")
    tex = [html.unescape(quoted or plain) for quoted, plain in inline.findall(fence.sub("", page))]
    return displays + [Formula(t, False) for t in tex if t]


def check_markdown(page):
    """Formulas reach MathJax as written, and nothing stands around them that GitHub trips over."""
    complaints = []
    written, arrived = formulas(page.text), rendered_formulas(page.text)
    for w, a in zip(written, arrived):
        if w != a:
            complaints.append(f"Markdown turns {w.tex!r} into {a.tex!r}; write it as $`…`$")
            break
    if len(written) != len(arrived):
        complaints.append(f"{len(written)} formulas are written, {len(arrived)} survive Markdown")
    prose = FENCE.sub("", page.text)
    for match in INLINE.finditer(prose):
        if match[1] or match[2]:
            around = prose[match.start() - 1 : match.start()] + prose[match.end() : match.end() + 1]
            if re.search(r"[\w-]", around):
                complaints.append(f"GitHub does not render {match[0]}: a letter, digit or hyphen touches it")
            if match[2] and match[2] != match[2].strip():
                complaints.append(f"GitHub does not render {match[0]}: a space stands inside the dollar sign")
    for line in prose.splitlines():
        if line.startswith("|"):
            complaints += [f"{m[0]} splits its table cell; write \\mid or \\vert" for m in INLINE.finditer(line) if "|" in m[0]]
    complaints += [f"math inside a link is not rendered: {m}" for m in re.findall(r"\[[^\]\n]*\$[^\]\n]*\]\(", prose)]
    complaints += ["a lonely dollar sign" for rest in [INLINE.sub("", prose)] if "$" in rest]
    complaints += ["a math fence is indented: GitHub takes it for a list" for i, k, _ in FENCE.findall(page.text) if i and k == "math"]
    everything = "".join(f.tex for f in written) + prose
    complaints += [f"{macro} is refused or badly drawn by GitHub" for macro in REFUSED if macro in everything]
    return complaints


@pytest.fixture(scope="module")
def katex():
    """A function: TeX, display or not → what KaTeX has against it ('' for nothing)."""
    context = quickjs.Context()
    context.eval((ROOT / "derivations/_site/katex.min.js").read_text(encoding="utf-8"))
    return context.eval(
        "(tex, display) => { try { katex.renderToString(tex, {displayMode: display, throwOnError: true, strict: 'error'}); "
        "return '' } catch (error) { return String(error.message) } }"
    )


def check_katex(page, katex):
    return [f"{f.tex!r}: {error}" for f in formulas(page.text) if (error := katex(f.tex, f.display))]


# ---------------------------------------------------------------------------------------------------- numbering
ANCHOR = re.compile(r'<a id="eq-(\d+)-(\d+)"></a>\n?\*\*Eq\. (\d+)\.(\d+)\*\*(?=( \||\n```math\n)?)')
# Numbers run without gaps; only the table of derivatives of page 0 opens a new block of tens at these.
BLOCKS = {(0, 20), (0, 40), (0, 60), (0, 70)}


def equations(pages):
    """Every equation with the name of its page: {'12.4': 'derivations/12-elbo.md'}."""
    return {f"{a}.{b}": page.name for page in pages for a, b in re.findall(r'<a id="eq-(\d+)-(\d+)">', page.text)}


def check_numbering(pages):
    complaints, seen = [], {}
    for page in pages:
        labels = re.findall(r"^(?:\| )?(?:<a id=.*></a>)?\*\*Eq\. (\d+\.\d+)\*\*", page.text, re.MULTILINE)
        ids = re.findall(r'<a id="eq-(\d+)-(\d+)">', page.text)
        good = ANCHOR.findall(page.text)
        complaints += [f"{page.name}: the anchor eq-{a}-{b} stands above Eq. {c}.{d}" for a, b, c, d, _ in good if (a, b) != (c, d)]
        complaints += [f"{page.name}: Eq. {c}.{d} is not followed by a formula" for _, _, c, d, after in good if not after]
        if len(labels) != len(ids) or len(ids) != len(good):
            complaints.append(f"{page.name}: {len(ids)} anchors, {len(labels)} numbers, {len(good)} pairs of both")
        for a, b in ids:
            number = (int(a), int(b))
            if number in seen:
                complaints.append(f"{page.name}: Eq. {a}.{b} is there already, in {seen[number]}")
            seen.setdefault(number, page.name)
            if not page.name.rpartition("/")[2].startswith(f"{int(a):02d}-"):
                complaints.append(f"{page.name}: Eq. {a}.{b} does not belong on this page")
    for a, b in sorted(seen):
        if b > 1 and (a, b - 1) not in seen and (a, b) not in BLOCKS:
            complaints.append(f"{seen[a, b]}: Eq. {a}.{b - 1} is missing before Eq. {a}.{b}")
    return complaints


# ---------------------------------------------------------------------------------------------------- citations
NUMBER = r"\d+\.\d+"
CITATION = re.compile(rf"Eqs?\. ({NUMBER}(?:(?:, | and |, and |–){NUMBER})*)(?:\]?\s*\(([\w./-]+)#([\w-]+)\))?")


def citations(text):
    """All equation numbers that a text cites; 'Eqs. 15.6–15.8' cites three."""
    cited = []
    for numbers, _, _ in CITATION.findall(text):
        for part in re.split(", and | and |, ", numbers):
            first, _, last = part.partition("–")
            page, start = first.split(".")
            stop = (last or first).split(".")[1]
            cited += [f"{page}.{i}" for i in range(int(start), int(stop) + 1)]
    return cited


def check_citations(page, known):
    """Every cited equation exists, and where an address stands beside it, it is that equation's."""
    complaints = []
    for numbers, path, anchor in CITATION.findall(page.text):
        cited = re.findall(NUMBER, numbers)
        complaints += [f"cites Eq. {n}, which is on no page" for n in cited if n not in known]
        if path and page.name.endswith(".py") and cited[0] in known:
            right = (known[cited[0]], "eq-" + cited[0].replace(".", "-"))
            if (path, anchor) != right:
                complaints.append(f"the address of Eq. {cited[0]} is {'#'.join(right)}, not {path}#{anchor}")
    return complaints


def marks(pages, marker):
    """What the tests carry as @pytest.mark.<marker>("…", "…"), written out or in a table of cases."""
    found = set()
    for page in pages:
        for node in ast.walk(ast.parse(page.text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == marker:
                found |= {a.value for a in node.args if isinstance(a, ast.Constant)}
    return found


def listed(pages, title):
    """The equations that their page lists in its section of that title."""
    return {number for page in pages for number in citations(section(page.text, title))}


def check_proofs(pages, sources):
    """Every equation is cited by the package or a demo, and marked by a test.

    A page may except some: under "Definitions" what is only named, and under "Arguments" what is proved by a test but
    computed by no function of the package.
    """
    tests = [s for s in sources if s.name.startswith("tests/")]
    marked = marks(tests, "equation")
    cited = {n for s in sources if s not in tests for n in citations(s.text)}
    named, argued = listed(pages, "Definitions"), listed(pages, "Arguments")
    complaints = [f"a test is marked with Eq. {n}, which is on no page" for n in sorted(marked - set(equations(pages)))]
    for number, name in equations(pages).items():
        complaints += [f"{name}: no code cites Eq. {number}"] * (number not in cited | named | argued)
        complaints += [f"{name}: no test is marked with Eq. {number}"] * (number not in marked | named)
    return complaints


# -------------------------------------------------------------------------------------------- links and quotations
def anchors(text):
    """The ids of a page: explicit ones, and those that GitHub makes of its headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings} | set(re.findall(r'<a id="([^"]+)">', text))


def check_links(page, root=ROOT):
    """Every relative link and figure exists, with its anchor; so does every scratchgen name in code type."""
    complaints = []
    prose = re.sub(r"`[^`\n]*`", "", FENCE.sub("", page.text))
    for link in re.findall(r"\]\(([^)\s]+)\)", prose) + re.findall(r'<img [^>]*src="([^"]+)"', prose):
        path, _, anchor = link.partition("#")
        if re.match(r"\w+:", link):
            continue
        target = (root / page.name).parent / path if path else root / page.name
        if not target.exists():
            complaints.append(f"the link {link} leads nowhere")
        elif anchor and target.suffix == ".md":
            text = page.text if not path else target.read_text(encoding="utf-8")
            complaints += [f"{link}: no such anchor"] * (anchor not in anchors(text))
    for name in re.findall(r"`(scratchgen(?:\.\w+)+)`", page.text):
        try:
            resolve(name)
        except (ImportError, AttributeError):
            complaints.append(f"there is no {name}")
    return complaints


def resolve(name):
    """The object with a dotted name."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError as error:
            if error.name and not name.startswith(error.name):
                raise
            continue
        for part in parts[cut:]:
            found = getattr(found, part)
        return found
    raise ImportError(name)


def source(name):
    """The source that a page quotes under this name: dedented, and for a primitive with its derivative below."""
    found = resolve(name)
    found = found.fget if isinstance(found, property) else found
    code = textwrap.dedent(inspect.getsource(found)).rstrip()
    if isinstance(found, Primitive):
        module = inspect.getsource(inspect.getmodule(found.forward))
        own = f"{found.__name__}.vjp"
        rules = [s for s in ast.parse(module).body if isinstance(s, ast.Expr) and ast.unparse(s).startswith(f"{own}(")]
        code += "".join(f"\n\n\n{ast.get_source_segment(module, rule)}" for rule in rules)
    return code


QUOTATION = re.compile(r"<!-- source: ([\w.]+) -->\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def check_quotations(page):
    quotations = QUOTATION.findall(page.text)
    complaints = ["a source is named without a python fence right below"] * (len(quotations) < page.text.count("<!-- source:"))
    for name, quoted in quotations:
        try:
            if quoted.rstrip() != source(name):
                complaints.append(f"the quotation of {name} is not its source any more")
        except (ImportError, AttributeError):
            complaints.append(f"quotes {name}, which does not exist")
    return complaints


# --------------------------------------------------------------------------------------------------- the ledger
CLAIMS = (
    "NORM CAUSAL BLIND RNN>CNN PAR ORDER MC ELBO GRAD DIST AEGEN DIM MANI MSE BLUR VAE<AR FEW SAT OPT OSC MODE 2v3 CONV "
    "EVAL ARITH COND WSPACE STACK REPLAY GDA OOD CODE GCN"
).split()
LEDGER = {f"E{i}" for i in range(1, 42)} | {f"B{i}" for i in range(1, 21)} | {f"C-{claim}" for claim in CLAIMS}
# Errata for which the ledger names a numerical proof; bugs and claims always want one.
PROVABLE = {f"E{i}" for i in (1, 2, 3, 5, 6, 9, 11, 13, 14, 16, 17, 25, 26, 27, 29, 36)} | {i for i in LEDGER if i[0] != "E"}
IDENTIFIER = re.compile(r"(?<![\w-])([EB]\d+|C-[A-Z0-9][A-Za-z0-9<>]*)(?![\w-])")


def check_ledger(pages, tests):
    """Every id is either covered (the map names a page, the page names the id, a test proves it) or still to come."""
    lecture_map = next(p.text for p in pages if p.name == "derivations/README.md")
    texts = {p.name.rpartition("/")[2]: p.text for p in pages}
    marked = marks(tests, "ledger")
    rows = re.findall(r"^\| ([EBC][^|]*) \| \[[^\]]+\]\(([\w.-]+)[^)]*\)", section(lecture_map, "Covered"), re.MULTILINE)
    covered = {i: page for ids, page in rows for i in IDENTIFIER.findall(ids)}
    to_come = set(IDENTIFIER.findall(section(lecture_map, "Still to come")))
    complaints = [f"{i} is neither covered nor among what is still to come" for i in sorted(LEDGER - set(covered) - to_come)]
    complaints += [f"{i} is covered, and said to be still to come" for i in sorted(to_come & set(covered))]
    complaints += [f"the ledger has no {i}" for i in sorted((to_come | set(covered) | marked) - LEDGER)]
    for i, page in covered.items():
        complaints += [f"{page} does not mention {i}"] * (i not in IDENTIFIER.findall(texts.get(page, "")))
        complaints += [f"{i} is said to be covered, but no test is marked with it"] * (i in PROVABLE and i not in marked)
    return complaints


def section(text, title):
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


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


# -------------------------------------------------------------------------------------- the checks, checked: planted faults
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
    assert check_links(GOOD, tmp_path) + check_citations(GOOD, equations([GOOD]) | {"0.25": "derivations/00-autograd.md"}) == []


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
        ("eq-99-1\"></a>\n**Eq. 99.1", "eq-99-1\"></a>\n**Eq. 99.2", "stands above"),
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
    ],
)
def test_broken_links_are_caught(old, new, complaint, tmp_path):
    page = planted(old, new)
    (tmp_path / "derivations").mkdir()
    (tmp_path / page.name).write_text(page.text, encoding="utf-8")
    assert any(complaint in c for c in check_links(page, tmp_path))


@pytest.mark.parametrize(
    ("old", "new"),
    [("np.exp(x)", "np.exp(-x)"), ("g * out)", "g * x)"), ("functional.exp", "functional.expm1"), ("functional.exp", "functional.none"), (" -->\n```python", " -->\n\n```python")],
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
    definition, argument = (Page(GOOD.name, f"{GOOD.text}\n## {title}\n\nEq. 99.2.\n") for title in ("Definitions", "Arguments"))
    assert check_proofs([definition], [uncited, unproved]) == []
    assert check_proofs([argument], [uncited, test]) == []
    assert check_proofs([argument], [uncited, unproved]) == [f"{GOOD.name}: no test is marked with Eq. 99.2"]


def planted_text(page, old, new):
    assert old in page.text
    return Page(page.name, page.text.replace(old, new))


def test_forgotten_ids_of_the_ledger_are_caught():
    rest = " ".join(sorted(LEDGER - {"E1", "E4"}))
    lecture_map = Page(
        "derivations/README.md", f"## Covered\n\n| id | page |\n|---|---|\n| E1, E4 | [p](99-p.md) |\n\n## Still to come\n\n{rest}\n"
    )
    page = Page("derivations/99-p.md", "The slip of E1, and E4.")
    test = Page("tests/test_planted.py", '@pytest.mark.ledger("E1")\ndef test(): ...')
    assert check_ledger([lecture_map, page], [test]) == []
    assert check_ledger([planted_text(lecture_map, "E13", ""), page], [test]) == ["E13 is neither covered nor among what is still to come"]
    assert any("said to be still to come" in c for c in check_ledger([planted_text(lecture_map, "E13", "E13 E1"), page], [test]))
    assert any("does not mention E4" in c for c in check_ledger([lecture_map, planted_text(page, "E4", "")], [test]))
    assert any("no test is marked" in c for c in check_ledger([lecture_map, page], [planted_text(test, "E1", "E2")]))
    assert any("no E77" in c for c in check_ledger([planted_text(lecture_map, "E13", "E13 E77"), page], [test]))


def test_dotted_names_resolve_to_their_source():
    assert source("scratchgen.autograd.engine.Tensor.detach").startswith("def detach(self)")
    assert source("scratchgen.functional.relu").startswith("@primitive\ndef relu(")
    assert "\n\n\nrelu.vjp(x=lambda" in source("scratchgen.functional.relu")
    with pytest.raises(ImportError):
        resolve("nosuchpackage.thing")


def refresh(page):
    """The page with every quotation taken anew from its source: `python -m tests.test_derivations` after changing code."""
    return QUOTATION.sub(lambda m: f"<!-- source: {m[1]} -->\n```python\n{source(m[1])}\n```", page.text)


def test_a_stale_quotation_can_be_refreshed():
    stale = planted("np.exp(x)", "np.exp(-x)")
    assert refresh(stale) == GOOD.text


if __name__ == "__main__":
    for each in PAGES:
        (ROOT / each.name).write_text(refresh(each), encoding="utf-8")
