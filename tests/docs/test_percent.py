"""Scripts in percent format: each cell keeps its output, and a failure names its line."""

from __future__ import annotations

import percent
import pytest

SCRIPT = """\
# %% [markdown]
# # A title
#
# Two words, and code:
#
#     u = v

# %%
a = 20
print("twice", 2 * a)
a + 1

# %%
a += 1
"""


@pytest.fixture
def script(tmp_path):
    def write(text):
        path = tmp_path / "script.py"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_cells_keep_prose_output_and_the_last_value(script):
    cells, names = percent.run(script(SCRIPT))
    assert [cell.prose for cell in cells] == [True, False, False]
    assert cells[0].source == "# A title\n\nTwo words, and code:\n\n    u = v"
    assert (cells[1].printed, cells[1].value) == ("twice 40\n", 21)
    assert (cells[2].printed, cells[2].value) == ("", None) and names["a"] == 21


def test_reading_runs_nothing(script):
    (cell,) = percent.read(script("# %%\nraise SystemExit\n"))
    assert cell.source == "raise SystemExit" and cell.line == 2


def test_a_failing_cell_is_named_by_its_line(script):
    broken = SCRIPT.replace("a += 1", "def f():\n    return 1 / 0\n\n\nf()")
    with pytest.raises(percent.TutorialError, match=r"^script.py:15: ZeroDivisionError: division"):
        percent.run(script(broken))
    with pytest.raises(percent.TutorialError, match=r"^script.py:14: SyntaxError"):
        percent.run(script(SCRIPT.replace("a += 1", "a +=")))


def test_code_before_the_first_mark_is_refused(script):
    with pytest.raises(percent.TutorialError, match="must start with '# %%'"):
        percent.read(script("import os\n# %%\n"))


def test_a_page_shows_code_output_values_and_figures(script):
    text = SCRIPT + "\n# %%\nfrom matplotlib.figure import Figure\n\nFigure()\n"
    cells, _ = percent.run(script(text))
    page, figures = percent.markdown(cells, "script-{}.svg")
    assert page.startswith("# A title\n") and '```python\na = 20\nprint("twice", 2 * a)' in page
    assert "twice 40\n21\n```" in page and "](script-1.svg)" in page
    assert list(figures) == ["script-1.svg"] and figures["script-1.svg"].startswith("<svg")
