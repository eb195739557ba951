"""The house style of the notebooks, as rules that need no kernel.

Each rule takes a `Page` and yields one sentence per problem; an empty answer is a pass.
`tests/test_notebooks_lint.py` applies them all, and shows that each one can fail. Cells are
numbered from 1, Markdown and code alike, as one counts them on the page.
"""

import re
from collections.abc import Iterator
from urllib.parse import unquote

import nbformat

from tests.notebook_page import (
    CODE,
    IMPORT,
    Page,
    code_lines,
    exercise_part,
    links,
    pictures,
    tags,
    words,
)

REPOSITORY = "stochphys/stochphys"
VERSION = "0.1.0"
SETUP_CELL = f"""\
# Setup: the same cell in every notebook. On Colab it fetches the course package, elsewhere it only finds it.
import sys
from importlib.util import find_spec

package = "git+https://github.com/{REPOSITORY}@v{VERSION}"
if find_spec("stochphys") is None:
    if "google.colab" in sys.modules:
        %pip install -q --no-deps "{{package}}"
    else:
        sys.path.insert(0, "..")
try:
    from stochphys import course
except ImportError as error:
    fetch = f'%pip install "stochphys[course] @ {{package}}"'
    raise ImportError(f"{{error}}. Install it, then restart the kernel: {{fetch}}") from None

generator = course.setup()"""

TABLE_ROWS = ("You will be able to", "You need", "Time", "Runs on")
CLOSING = ("Key points", "Where this fails", "Go further")
UNNUMBERED = (*CLOSING, "Exercises")
TAGS = {"exercise", "check", "solution", "nbval-check-output"}
SHORT = {"00_start_here"}  # a welcome, not a lesson: no lower limits, one exercise is enough

EXERCISE = re.compile(r"### Exercise (\d+) · (.+) · (\d+) min · (★{1,3})")
HINT = re.compile(r"<details>\s*<summary>Hint</summary>\n\n.+</details>\s*", re.S)
EXPLORER = re.compile(r"\b(explore|play_movie)\(")
ABSOLUTE_PATH = re.compile(
    r"(?<![\w./:-])/(?:home|Users|root|tmp|work|content|opt|usr|var|mnt|private)/\w|\b[A-Z]:\\\w"
)


# The file


def the_file_is_valid_and_carries_no_volatile_metadata(page: Page) -> Iterator[str]:
    if len({cell.get("id") for cell in page.cells}) < len(page.cells):
        yield "not a valid notebook: two cells share an id"
    elif error := next(nbformat.validator.iter_validate(page.notebook), None):
        yield f"not a valid notebook: {str(error).splitlines()[0][:200]}"
    metadata = page.notebook.metadata
    for key in set(metadata) - {"kernelspec", "language_info"}:
        yield f"volatile metadata {key!r}: run `make notebooks`"
    if metadata.get("kernelspec", {}).get("name") != "python3":
        yield "the kernel is not python3"
    if set(metadata.get("language_info", {})) - {"name"}:
        yield "language_info holds the version of one machine's Python: run `make notebooks`"


def counts_run_from_1_to_n(page: Page) -> Iterator[str]:
    counts = [cell.execution_count for _, cell in page.code()]
    if counts != list(range(1, len(counts) + 1)):
        yield f"execution counts are {counts}: run `make notebooks`"


def outputs_hold_no_errors_warnings_bare_values_or_dead_widgets(page: Page) -> Iterator[str]:
    for i, cell in page.code():
        for output in cell.outputs:
            if output.output_type == "error":
                yield f"cell {i}: stored error {output.ename}"
            if output.get("name") == "stderr":
                yield f"cell {i}: stored warning or progress bar: {output.text[:60]!r}"
            if output.output_type == "execute_result":
                yield f"cell {i}: a value is shown as it is; print what matters of it, rounded"
            if "application/vnd.jupyter.widget-view+json" in output.get("data", {}):
                yield f"cell {i}: stored widget that no reader can see: run `make notebooks`"


def nothing_names_a_path_of_one_machine(page: Page) -> Iterator[str]:
    for i, cell in enumerate(page.cells, 1):
        texts = [cell.source]
        for output in cell.get("outputs", []):
            texts += [output.get("text", "")]
            texts += [t for kind, t in output.get("data", {}).items() if kind.startswith("text/")]
        for text in texts:
            if found := ABSOLUTE_PATH.search(text):
                yield f"cell {i}: absolute path {text[found.start() : found.end() + 20]!r}"


def the_file_is_small(page: Page) -> Iterator[str]:
    size = len(nbformat.v4.writes(page.notebook).encode()) / 1000
    if size > 500:
        yield f"{size:.0f} KB (500 at most)"
    figures = sum(pictures(cell) for _, cell in page.code())
    if not 1 <= figures <= 10:
        yield f"{figures} figures (1 to 10)"


# The frame of the page


def one_h1_in_the_first_cell(page: Page) -> Iterator[str]:
    if [i for i, _ in page.headings(1)] != [1]:
        yield f"H1 in cells {[i for i, _ in page.headings(1)]}: it must be one, in cell 1"


def the_first_cell_has_badges_and_neighbours(page: Page) -> Iterator[str]:
    targets = [unquote(target) for target in links(page.cells[0].source)]
    refs, file = f"(?:main|v{re.escape(VERSION)})", f"notebooks/{page.path.name}"
    for name, address in {
        "Colab": rf"https://colab\.research\.google\.com/github/{REPOSITORY}/blob/{refs}/{file}",
        "Binder": rf"https://mybinder\.org/v2/gh/{REPOSITORY}/{refs}\?(url|lab)path=(lab/tree/)?{file}",
    }.items():
        if not any(re.fullmatch(address, target) for target in targets):
            yield f"cell 1 has no {name} badge that opens {file}"
    for role, neighbour in {"previous": page.previous, "next": page.next}.items():
        if neighbour and neighbour.name not in targets:
            yield f"cell 1 has no link to the {role} notebook, {neighbour.name}"


def the_second_cell_is_the_table(page: Page) -> Iterator[str]:
    cell = page.cells[1]
    rows = re.findall(r"^\|[ *_]*([^|*_]+?)[ *_]*\|", cell.source, re.M)
    wrong = cell.cell_type != "markdown" or [r for r in rows if r in TABLE_ROWS] != list(TABLE_ROWS)
    if wrong:
        yield f"cell 2 must be a table with the rows {', '.join(TABLE_ROWS)}; it has {rows}"


def the_third_cell_is_the_setup(page: Page) -> Iterator[str]:
    """The third, or the fourth after a line of text."""
    i, first = next(page.code())
    if i not in (3, 4) or first.source.strip() != SETUP_CELL:
        yield f"cell {i}, the first code cell, is not the setup cell of tests/notebook_rules.py"


def sections_are_numbered_timed_and_closed(page: Page) -> Iterator[str]:
    titles = [text for _, text in page.headings(2) if text not in UNNUMBERED]
    for k, title in enumerate(titles, 1):
        if not re.fullmatch(rf"{k} · .+ \(\d+ min\)", title):
            yield f"section {title!r} should read '{k} · Title (8 min)'"
    if not titles:
        yield "no numbered section"
    last = tuple(text for _, text in page.headings(2))[-3:]
    if last != CLOSING:
        yield f"the last sections are {last}, not {CLOSING}"
    elif page.next and not any(
        page.next.name in links(page.cells[i - 1].source)
        for i in page.section(page.headings(2)[-1][0])
    ):
        yield f"'Go further' has no link onward to {page.next.name}"


def links_resolve(page: Page) -> Iterator[str]:
    for i, source in page.markdown():
        for target in links(source):
            file = unquote(target.partition("#")[0])
            if file and not re.match(r"(https?|mailto|data):", target):
                if not (page.path.parent / file).exists():
                    yield f"cell {i}: {target} does not exist"


# The narrative


def each_section_closes_with_a_number_in_bold(page: Page) -> Iterator[str]:
    bold = re.compile(r"\*\*(?!Figure|Predict|Solution)(?:[^*]|\*(?!\*))*?\d.*?\*\*", re.S)
    for i, title in page.headings(2):
        if title not in UNNUMBERED:
            texts = [page.cells[j - 1] for j in page.section(i)]
            texts = [cell.source for cell in texts if cell.cell_type == "markdown"]
            if not bold.search(texts[-1]):
                yield f"section {title!r} does not end with its answer in bold, with a number"


def a_prediction_is_asked_for(page: Page) -> Iterator[str]:
    if page.name not in SHORT and not any("**Predict" in source for _, source in page.markdown()):
        yield "no **Predict** prompt"


def code_follows_text(page: Page) -> Iterator[str]:
    for i, cell in page.code():
        if not exercise_part(cell) and page.cells[i - 2].cell_type != "markdown":
            yield f"cell {i}: code without a Markdown cell before it"


def cells_are_short(page: Page) -> Iterator[str]:
    further = [i for i, text in page.headings(2) if text == "Go further"]
    free = {2, *(i for i, _ in page.headings(3)), *(j for i in further for j in page.section(i))}
    for i, source in page.markdown():
        if i not in free and words(source) > 120:
            yield f"cell {i}: {words(source)} words (120 at most)"
    for i, cell in page.code():
        if (lines := len(IMPORT.sub("", cell.source).splitlines())) > 25:
            yield f"cell {i}: {lines} lines of code (25 at most)"


def the_whole_is_a_lesson_long(page: Page) -> Iterator[str]:
    answers = ("<details>", "**Solution")
    text = {i: words(s) for i, s in page.markdown() if i != 2 and not s.startswith(answers)}
    exercises = min((i for i, name in page.headings(2) if name == "Exercises"), default=0)
    before, whole = sum(n for i, n in text.items() if i < exercises), sum(text.values())
    lines = sum(code_lines(cell.source) for _, cell in page.code() if "solution" not in tags(cell))
    fewest_words, fewest_lines = (0, 0) if page.name in SHORT else (900, 100)
    if whole < fewest_words or before > 1600:
        yield f"{before} words before the exercises, {whole} in all but hints and solutions (900 to 1600)"
    if not fewest_lines <= lines <= 180:
        yield f"{lines} lines of code outside the solutions (100 to 180)"


def no_semicolon_ends_a_line(page: Page) -> Iterator[str]:
    for i, cell in page.code():
        if re.search(r";[ \t]*$", cell.source, re.M):
            yield f"cell {i}: trailing semicolon"


def equations_stand_between_double_dollars(page: Page) -> Iterator[str]:
    for i, source in page.markdown():
        source = CODE.sub(" ", source)
        rest = re.sub(r"\$\$.*?\$\$", " ", source, flags=re.S)
        if source.count("$$") % 2:
            yield f"cell {i}: an odd number of $$"
        if re.search(r"\\begin\{(equation|align|gather|multline|eqnarray)\*?\}", source):
            yield f"cell {i}: a bare equation environment: use $$ and aligned"
        if r"\begin{aligned}" in rest or re.search(r"\\\[|\\\(", rest):
            yield f"cell {i}: an equation outside $$"


# Figures and widgets


def images_have_alt_text(page: Page) -> Iterator[str]:
    for i, source in page.markdown():
        source = CODE.sub(" ", source)
        for tag in re.findall(r"!\[\s*\]|<img(?![^>]*alt=[\"'][^\"'])[^>]*>", source):
            yield f"cell {i}: no alt text: {tag[:60]}"


def figures_are_shown_and_read(page: Page) -> Iterator[str]:
    number = 0
    for i, cell in page.code():
        if pictures(cell) and not exercise_part(cell):
            number += 1
            after = page.cells[i].source if i < len(page.cells) else ""
            if not after.startswith(f"**Figure {number}.**"):
                yield f"cell {i}: the next cell must begin with **Figure {number}.**"
            if not EXPLORER.search(cell.source) and cell.source.split()[-1] != "plt.show()":
                yield f"cell {i}: the figure does not end with plt.show()"


def widgets_come_through_explore_with_a_picture(page: Page) -> Iterator[str]:
    explorers = [(i, cell) for i, cell in page.code() if EXPLORER.search(cell.source)]
    if not 1 <= len(explorers) <= 3:
        yield f"{len(explorers)} explorers (1 to 3)"
    for i, cell in explorers:
        if not pictures(cell):
            yield f"cell {i}: explore( without a stored picture"
    for i, cell in page.code():
        if re.search(r"\b(interact|interactive|interactive_output|Tab|Accordion)\(", cell.source):
            yield f"cell {i}: widgets come through explore( only"


# Exercises and tests


def exercises_have_one_format(page: Page) -> Iterator[str]:
    found = [(i, text) for i, text in page.headings(3) if text.startswith("Exercise")]
    allowed = range(1 if page.name in SHORT else 3, 6)
    if len(found) not in allowed:
        yield f"{len(found)} exercises ({allowed[0]} to 5)"
    for k, (i, text) in enumerate(found, 1):
        match = EXERCISE.fullmatch(f"### {text}")
        if not match or int(match[1]) != k:
            yield f"cell {i}: the heading should read 'Exercise {k} · Title · 5 min · ★★'"
        parts = page.cells[i : i + 5]
        form = [
            ("a code cell tagged exercise", lambda c: "exercise" in tags(c)),
            ("a code cell tagged check", lambda c: "check" in tags(c)),
            ("a folded hint with an empty line after its summary", lambda c: HINT.match(c.source)),
            (f"**Solution {k}**", lambda c, k=k: c.source.startswith(f"**Solution {k}**")),
            ("a code cell tagged solution", lambda c: "solution" in tags(c)),
        ]
        kinds = ["code", "code", "markdown", "markdown", "code"]
        for step, ((wanted, fits), kind) in enumerate(zip(form, kinds, strict=True)):
            if step >= len(parts) or parts[step].cell_type != kind or not fits(parts[step]):
                yield f"cell {i + step + 1}: exercise {k} needs {wanted} here"
                break
    if sum(exercise_part(cell) for _, cell in page.code()) != 3 * len(found):
        yield "a stub, check or solution stands outside an exercise"


def solutions_are_folded(page: Page) -> Iterator[str]:
    for i, cell in page.code():
        folded = cell.metadata.get("jupyter", {}).get("source_hidden") is True
        if "solution" in tags(cell) and not (folded and cell.metadata.get("cellView") == "form"):
            yield f"cell {i}: the solution is not folded (source_hidden for Lab, form for Colab)"
        if "solution" in tags(cell) and not re.match(r"# Solution \d\n", cell.source):
            yield f"cell {i}: a folded cell shows its first line, which must be '# Solution k'"


def one_exercise_is_on_paper_and_one_breaks_things(page: Page) -> Iterator[str]:
    headings = [i for i, text in page.headings(3) if text.startswith("Exercise")]
    text = " ".join(page.cells[i - 1].source for i in headings).lower().replace("-", " ")
    for kind in ("pen and paper", "break it"):
        if page.name not in SHORT and kind not in text:
            yield f"no exercise says {kind!r}"


def nbval_has_something_to_compare(page: Page) -> Iterator[str]:
    checked = [(i, cell) for i, cell in page.code() if "nbval-check-output" in tags(cell)]
    if len(checked) < (1 if page.name in SHORT else 3):
        yield f"{len(checked)} cells tagged nbval-check-output (at least 3)"
    for i, cell in checked:
        if not any(o.get("text") or "text/plain" in o.get("data", {}) for o in cell.outputs):
            yield f"cell {i}: tagged nbval-check-output, but prints nothing"
        if pictures(cell):  # which nbval may look for before it has come
            yield f"cell {i}: tagged nbval-check-output, but draws: print in a cell of its own"


def every_cell_is_run_by_the_tests(page: Page) -> Iterator[str]:
    for i, cell in enumerate(page.cells, 1):
        if unknown := tags(cell) - TAGS:
            yield f"cell {i}: unknown tags {sorted(unknown)}"
        if re.search(r"#\s*(NBVAL|PYTEST_VALIDATE)", cell.source):
            yield f"cell {i}: a comment switches its test off"


RULES = (
    the_file_is_valid_and_carries_no_volatile_metadata,
    counts_run_from_1_to_n,
    outputs_hold_no_errors_warnings_bare_values_or_dead_widgets,
    nothing_names_a_path_of_one_machine,
    the_file_is_small,
    one_h1_in_the_first_cell,
    the_first_cell_has_badges_and_neighbours,
    the_second_cell_is_the_table,
    the_third_cell_is_the_setup,
    sections_are_numbered_timed_and_closed,
    links_resolve,
    each_section_closes_with_a_number_in_bold,
    a_prediction_is_asked_for,
    code_follows_text,
    cells_are_short,
    the_whole_is_a_lesson_long,
    no_semicolon_ends_a_line,
    equations_stand_between_double_dollars,
    images_have_alt_text,
    figures_are_shown_and_read,
    widgets_come_through_explore_with_a_picture,
    exercises_have_one_format,
    solutions_are_folded,
    one_exercise_is_on_paper_and_one_breaks_things,
    nbval_has_something_to_compare,
    every_cell_is_run_by_the_tests,
)
