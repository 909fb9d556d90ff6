"""The site has every page: checked without building it, which takes mkdocs and two minutes."""

from __future__ import annotations

import re
from pathlib import Path

import floor_plan
import pages
import percent
import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
NAV = re.findall(
    r"[\w/]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8").split("\nnav:")[1]
)
TUTORIALS = sorted((DOCS / "tutorials").glob("*.py"))
TEXTS = [*DOCS.glob("*.md"), *TUTORIALS, *(ROOT / name for name in pages.COPIES.values())]


def test_the_navigation_has_every_page():
    written = [
        path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md") if "site" not in path.parts
    ]
    executed = [f"tutorials/{path.stem}.md" for path in TUTORIALS]
    assert sorted(NAV) == sorted([*written, *executed, *pages.COPIES])


def test_every_module_has_a_page():
    for package in pages.PACKAGES:
        files = set((ROOT / package).rglob("[!_]*.py"))
        folders = {path.parent for path in (ROOT / package).rglob("__init__.py")}
        assert set(pages.modules(ROOT / package)) == files | folders


def test_a_package_page_lists_its_modules_and_public_names():
    page = pages.module_page(ROOT / "biograd")
    assert "| [kernels](kernels/index.md) |" in page and "| [traces](traces.md) |" in page
    assert "| [`Network`][biograd.network.Network] |" in page
    assert (
        pages.module_page(ROOT / "biograd/traces.py") == "# biograd.traces\n\n::: biograd.traces\n"
    )


def test_links_to_files_lead_to_their_pages():
    for page, link, expected in (
        ("index.md", "[a](docs/results.md#gpu)", "[a](results.md#gpu)"),
        ("index.md", "[a](biograd/traces.py)", "[a](api/biograd/traces.md)"),
        ("index.md", "![a](docs/compartments.svg)", "![a](compartments.svg)"),
        ("index.md", "[a](CITATION.cff)", "a"),
        ("architecture.md", "[a](../hardware/chip.py)", "[a](api/hardware/chip.md)"),
        ("tutorials/energy.md", "[a](why_sleep.py)", "[a](../tutorials/why_sleep.md)"),
        ("index.md", "[a](https://arxiv.org/abs/1)", "[a](https://arxiv.org/abs/1)"),
        ("index.md", "[a](nowhere.md)", "[a](nowhere.md)"),
    ):
        assert pages.to_pages(link, page) == expected


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.name)
def test_no_link_leads_nowhere(text):
    for target in re.findall(r"\]\((?!\w+:)([\w./-]+)", text.read_text(encoding="utf-8")):
        assert (text.parent / target).is_file(), target


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.name)
def test_files_that_are_named_exist(text):
    folders = "|".join([*pages.PACKAGES, "docs", "tests", "tools"])
    made = ("docs/site", "tests/fuzz")  # by `make docs`; where the fuzzer's finds are kept
    for name in re.findall(rf"`((?:{folders})/[\w./]*)", text.read_text(encoding="utf-8")):
        assert (ROOT / name).exists() or name.startswith(made), name


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.name)
def test_rates_are_written_with_per(text):
    rate = r"\b(?:spikes?|thresholds?|neurons?|samples|steps|values|joules|seconds|kept|one|J) an? "
    assert not re.findall(rate + r"\w+", text.read_text(encoding="utf-8"))


@pytest.mark.parametrize("tutorial", TUTORIALS, ids=lambda path: path.stem)
def test_every_tutorial_opens_with_a_title_and_ends_with_what_to_try_next(tutorial):
    first, *_, last = percent.read(tutorial)
    assert first.prose and first.source.startswith("# ")
    assert last.prose and "## Try next" in last.source and last.source.count("\n- ") >= 3


@pytest.mark.parametrize("package", pages.PACKAGES)
def test_the_architecture_page_names_every_folder_and_module(package):
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    section = text[text.index(f"\n`{package}/`:") :].split("\n\n`")[0]
    words = re.findall(r"`([\w/]+)`", section)
    for box in floor_plan.graph(package):
        expected = f"{box}/" if (ROOT / package / box).is_dir() else box
        assert expected in words, f"{package}/{expected} is missing in docs/architecture.md"
