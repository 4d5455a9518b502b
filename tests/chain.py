"""Is the chain whole: slide → equation → code → test?

Each check takes pages as text and returns a list of complaints. `test_derivations.py` hands it the pages as they are
and expects none; then it plants a fault and expects one.

After changing code that a page quotes, `python -m tests.chain` takes all quotations anew.
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
import quickjs

from scratchgen.autograd.engine import Primitive

ROOT = Path(__file__).parents[1]


class Page(NamedTuple):
    name: str  # relative to the repository, with forward slashes
    text: str


def read(*patterns):
    planted = {Path(__file__), Path(__file__).with_name("test_derivations.py")}  # where faults are on purpose
    found = sorted({path for pattern in patterns for path in ROOT.glob(pattern)} - planted)
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
    inline = [quoted or plain for quoted, plain in INLINE.findall(FENCE.sub("", text))]
    return displays + [Formula(tex, False) for tex in inline if tex]


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
        formula, plain = match[0], match[2]
        if not (match[1] or plain):
            continue
        if re.search(r"[\w-]", prose[match.start() - 1 : match.start()] + prose[match.end() : match.end() + 1]):
            complaints.append(f"GitHub does not render {formula}: a letter, digit or hyphen touches it")
        if plain and plain != plain.strip():
            complaints.append(f"GitHub does not render {formula}: a space stands inside the dollar sign")
        if "|" in formula and prose[prose.rfind("\n", 0, match.start()) + 1] == "|":
            complaints.append(f"{formula} splits its table cell; write \\mid or \\vert")
    complaints += [f"math inside a link is not rendered: {m}" for m in re.findall(r"\[[^\]\n]*\$[^\]\n]*\]\(", prose)]
    if "$" in INLINE.sub("", prose):
        complaints.append("a lonely dollar sign")
    if any(indent and kind == "math" for indent, kind, _ in FENCE.findall(page.text)):
        complaints.append("a math fence is indented: GitHub takes it for a list")
    for table in re.findall(r"(?:^\|.*\n)+", prose, re.MULTILINE):
        if len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) > 1:
            complaints.append(f"the rows of the table {table.splitlines()[0]} differ in their number of cells")
    everything = "".join(f.tex for f in written) + prose
    complaints += [f"{macro} is refused or badly drawn by GitHub" for macro in REFUSED if macro in everything]
    return complaints


def load_katex():
    """A function: TeX, display or not → what KaTeX has against it ('' for nothing)."""
    context = quickjs.Context()
    context.eval((ROOT / "derivations/_site/katex.min.js").read_text(encoding="utf-8"))
    options = "{displayMode: display, throwOnError: true, strict: 'error'}"
    return context.eval(
        f"(tex, display) => {{ try {{ katex.renderToString(tex, {options}); return '' }}"
        " catch (error) { return String(error.message) } }"
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
        pairs = ANCHOR.findall(page.text)
        if not len(labels) == len(ids) == len(pairs):
            complaints.append(f"{page.name}: {len(ids)} anchors, {len(labels)} numbers, {len(pairs)} pairs of both")
        for a, b, c, d, formula in pairs:
            if (a, b) != (c, d):
                complaints.append(f"{page.name}: the anchor eq-{a}-{b} stands above Eq. {c}.{d}")
            if not formula:
                complaints.append(f"{page.name}: Eq. {c}.{d} is not followed by a formula")
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
    """What the tests carry as @pytest.mark.<marker>("…", "…"), or by a short name for pytest.mark.<marker>."""
    found = set()
    for page in pages:
        tree = list(ast.walk(ast.parse(page.text)))
        short = {n.targets[0].id for n in tree if isinstance(n, ast.Assign) and _is_mark(n.value, marker)}
        for node in tree:
            if isinstance(node, ast.Call) and (_is_mark(node.func, marker) or getattr(node.func, "id", None) in short):
                found |= {a.value for a in node.args if isinstance(a, ast.Constant)}
    return found


def _is_mark(node, marker):
    return isinstance(node, ast.Attribute) and ast.unparse(node) == f"pytest.mark.{marker}"


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
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)">', text))


def check_links(page, root=ROOT):
    """Every relative link and figure exists, with its anchor; so does every path and scratchgen name in code type."""
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
    for path in re.findall(r"`((?:scratchgen|tests|demos|derivations)/[\w./-]*)`", page.text):
        if not (root / path).exists():
            complaints.append(f"there is no {path}")
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
    complaints = []
    if len(quotations) < page.text.count("<!-- source:"):
        complaints.append("a source is named without a python fence right below")
    if stray := re.search(
        r"^(def \w+\(|class \w+.*:$|@\w+$|import \w+$|from [\w.]+ import ).*", FENCE.sub("", page.text), re.MULTILINE
    ):
        complaints.append(f"code outside of a fence: {stray[0]}")
    for name, quoted in quotations:
        try:
            if quoted.rstrip() != source(name):
                complaints.append(f"the quotation of {name} is not its source any more")
        except (ImportError, AttributeError):
            complaints.append(f"quotes {name}, which does not exist")
    return complaints


# --------------------------------------------------------------------------------------------------- the ledger
CLAIMS = """
    NORM CAUSAL BLIND RNN>CNN PAR ORDER MC ELBO GRAD DIST AEGEN DIM MANI MSE BLUR VAE<AR FEW SAT OPT OSC MODE 2v3 CONV
    EVAL ARITH COND WSPACE STACK REPLAY GDA OOD CODE GCN
"""
ERRATA, BUGS = {f"E{i}" for i in range(1, 42)}, {f"B{i}" for i in range(1, 21)}
LEDGER = ERRATA | BUGS | {f"C-{claim}" for claim in CLAIMS.split()}
# Of the errata some have a numerical proof; bugs and claims always want one.
PROVABLE = LEDGER - ERRATA | {f"E{i}" for i in (1, 2, 3, 5, 6, 9, 11, 13, 14, 16, 17, 25, 26, 27, 29, 36)}
IDENTIFIER = re.compile(r"(?<![\w-])([EB]\d+|C-[A-Z0-9][A-Za-z0-9<>]*)(?![\w-])")


def check_ledger(pages, tests):
    """Every id is either covered (the map names a page, the page names the id, a test proves it) or still to come."""
    texts = {page.name.rpartition("/")[2]: page.text for page in pages}
    lecture_map = texts["README.md"]
    rows = re.findall(r"^\| ([EBC][^|]*) \| \[[^\]]+\]\(([\w.-]+)", section(lecture_map, "Covered"), re.MULTILINE)
    covered = {i: page for ids, page in rows for i in IDENTIFIER.findall(ids)}
    to_come = set(IDENTIFIER.findall(section(lecture_map, "Still to come")))
    marked = marks(tests, "ledger")
    complaints = [f"{i} is neither covered nor still to come" for i in sorted(LEDGER - set(covered) - to_come)]
    complaints += [f"{i} is covered, and said to be still to come" for i in sorted(to_come & set(covered))]
    complaints += [f"the ledger has no {i}" for i in sorted((to_come | set(covered) | marked) - LEDGER)]
    for i, page in covered.items():
        if i not in IDENTIFIER.findall(texts.get(page, "")):
            complaints.append(f"{page} does not mention {i}")
        if i in PROVABLE and i not in marked:
            complaints.append(f"{i} is said to be covered, but no test is marked with it")
    return complaints


def section(text, title):
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def refresh(page):
    """The text of a page with every quotation taken anew from its source."""
    return QUOTATION.sub(lambda m: f"<!-- source: {m[1]} -->\n```python\n{source(m[1])}\n```", page.text)


if __name__ == "__main__":
    for each in PAGES:
        (ROOT / each.name).write_text(refresh(each), encoding="utf-8")
