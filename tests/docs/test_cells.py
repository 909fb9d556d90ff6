"""Tutorials run cell by cell: what each shows is kept, and a failure names its line."""

from __future__ import annotations

import cells
import pytest


def written(tmp_path, text):
    path = tmp_path / "lesson.py"
    path.write_text(text, encoding="utf-8")
    return path


LESSON = """\
# %% [markdown]
# # A lesson
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


def test_cells_keep_prose_output_and_the_last_value(tmp_path):
    shown, names = cells.run(written(tmp_path, LESSON))
    assert [cell.prose for cell in shown] == [True, False, False]
    assert shown[0].source == "# A lesson\n\nTwo words, and code:\n\n    u = v" and cells.title(shown) == "A lesson"
    assert (shown[1].printed, shown[1].value) == ("twice 40\n", 21)
    assert (shown[2].printed, shown[2].value) == ("", None) and names["a"] == 21


def test_nothing_is_run_by_reading(tmp_path):
    (cell,) = cells.read(written(tmp_path, "# %%\nraise SystemExit\n"))
    assert cell.source == "raise SystemExit\n" and cell.line == 2


def test_a_failing_cell_is_named_by_its_line(tmp_path):
    broken = LESSON.replace("a += 1", "def f():\n    return 1 / 0\n\n\nf()")
    with pytest.raises(cells.TutorialError, match=r"^lesson.py:15: ZeroDivisionError: division by zero$"):
        cells.run(written(tmp_path, broken))
    with pytest.raises(cells.TutorialError, match=r"^lesson.py:14: SyntaxError"):
        cells.run(written(tmp_path, LESSON.replace("a += 1", "a +=")))


def test_what_is_not_made_of_cells_is_refused(tmp_path):
    with pytest.raises(cells.TutorialError, match="must begin with a line '# %%'"):
        cells.read(written(tmp_path, "import os\n# %%\n"))
    with pytest.raises(cells.TutorialError, match=r"lesson.py:3: a cell of prose holds comments only"):
        cells.read(written(tmp_path, "# %% [markdown]\n# # T\nx = 1\n"))
    with pytest.raises(cells.TutorialError, match="heading"):
        cells.title(cells.read(written(tmp_path, "# %%\nx = 1\n")))
