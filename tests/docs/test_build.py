"""The documentation's builder: tutorials with their outputs, modules from their docstrings, broken links told."""

from __future__ import annotations

from pathlib import Path

import build
import cells
import links
import pytest

ROOT = Path(__file__).parents[2]
LESSON = """\
# %% [markdown]
# # Small & plain
#
# It prints. And [leads on](LINK).

# %%
from matplotlib.figure import Figure

figure = Figure()
figure.subplots().plot([0, 1])
print("1 < 2")
figure

# %%
{"a": 1}
"""


@pytest.fixture
def lesson(tmp_path):
    path = tmp_path / "small.py"
    path.write_text(LESSON.replace("LINK", "../index.html"), encoding="utf-8")
    return path


def test_a_tutorial_is_rendered_with_what_it_printed_and_drew(lesson, tmp_path):
    told = []
    assert build.build(tmp_path / "site", tutorials=[lesson], api=False, tell=told.append) == []
    page = (tmp_path / "site" / "tutorials" / "small.html").read_text(encoding="utf-8")
    assert "<title>Small &amp; plain</title>" in page and '<a href="../index.html">leads on</a>' in page
    assert '<pre class="printed">1 &lt; 2</pre>' in page and page.count("<svg") == 1 and "{&#x27;a&#x27;: 1}" in page
    assert '<span class="kn">from</span>' in page and told and told[0].startswith("ran small.py")
    front = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert '<a href="tutorials/small.html">Small &amp; plain</a><span>It prints.</span>' in front and "Three commands" in front


def test_a_broken_link_is_told_with_its_page(lesson, tmp_path):
    lesson.write_text(LESSON.replace("LINK", "nowhere.html"), encoding="utf-8")
    (problem,) = build.build(tmp_path / "site", tutorials=[lesson], api=False)
    assert problem.startswith("tutorials/small.html:") and problem.endswith("nowhere.html (no such file)")


def test_a_site_is_replaced_whole_and_nothing_else_is_ever_removed(lesson, tmp_path):
    site = tmp_path / "site"
    build.build(site, tutorials=[lesson], api=False)
    (site / "old.html").write_text("old")
    build.build(site, tutorials=[lesson], api=False)
    assert not (site / "old.html").exists()
    lesson.write_text(LESSON + "\n1 / 0\n", encoding="utf-8")
    with pytest.raises(cells.TutorialError, match="ZeroDivisionError"):
        build.build(site, tutorials=[lesson], api=False)
    assert (site / "index.html").exists() and {path.name for path in tmp_path.iterdir()} == {"site", "small.py"}
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "index.html").write_text("my page")
    with pytest.raises(ValueError, match="no site of ours"):
        build.build(mine, tutorials=[], api=False)
    assert (mine / "index.html").read_text() == "my page"


@pytest.mark.slow
def test_modules_are_documented_from_their_docstrings(tmp_path):
    assert build.document(tmp_path / "api", ["biograd.traces", "biograd.feedback"]) == []
    (tmp_path / "index.html").write_text("<p>")  # the way back
    assert links.broken(tmp_path) == []
    page = (tmp_path / "api" / "biograd" / "traces.html").read_text(encoding="utf-8")
    assert "x[t] = alpha_x x[t-1] + s[t]" in page and 'href="../../index.html"' in page


@pytest.mark.slow
def test_a_module_that_cannot_be_imported_is_told_and_the_others_are_documented(tmp_path, monkeypatch):
    package = tmp_path / "odd_package"
    package.mkdir()
    (package / "__init__.py").write_text('"""A package."""')
    (package / "fine.py").write_text('"""Fine."""')
    (package / "broken.py").write_text("import no_such_module_anywhere")
    monkeypatch.syspath_prepend(str(tmp_path))
    problems = build.document(tmp_path / "api", ["odd_package"])
    assert problems == ["api: odd_package.broken cannot be imported: ModuleNotFoundError: No module named 'no_such_module_anywhere'"]
    assert (tmp_path / "api" / "odd_package" / "fine.html").exists()


def test_every_module_has_its_page():
    asked = build._modules()
    for file in (ROOT / "biograd").glob("[!_]*.py"):
        assert f"biograd.{file.stem}" in asked
    assert {"biograd", "hardware", "benchmarks", "biograd.commands", "!hardware.loihi"} <= set(asked)


def test_every_tutorial_is_built_and_ends_with_what_to_try_next():
    paths = sorted((ROOT / "docs" / "tutorials").glob("*.py"))
    assert sorted(build.TUTORIALS) == [path.stem for path in paths]
    for path in paths:
        *_, last = cells.read(path)
        assert last.prose and "## Try next" in last.source and last.source.count("\n- ") >= 3
