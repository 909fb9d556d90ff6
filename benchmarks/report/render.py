"""One self-contained HTML page from records: published, measured, modelled and missing figures.

    render.write(records.read("runs/mnist/records.jsonl"), Path("report.html"))

The page needs no network and no other file. A section without records names the command that would
fill it; a section whose records are damaged says so, and the others stay whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import jinja2

from biograd.files import atomic_write
from biograd.runs.records import Record

from . import headline, sections
from .evidence import Evidence
from .page import Section

TITLE = "BioGrad: learning without backpropagation, and what it costs"
# Records of another version may hold anything under the names that are read.
_DAMAGE = (
    KeyError,
    IndexError,
    TypeError,
    ValueError,
    AttributeError,
    ZeroDivisionError,
    OverflowError,
)


def render(
    records: Iterable[Record],
    *,
    pictures: Mapping[str, str] | None = None,
    title: str = TITLE,
) -> str:
    """Return the page as text.

    Args:
        records: of any origin and state, of one run or of many.
        pictures: SVG by name, as `biograd train` writes them into a run folder: raster,
            compartments, receptive_fields, ...
        title: of the page.
    """
    evidence, svgs = Evidence(records), dict(pictures or {})
    template = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template("report.html.j2")
    page = template.render(
        title=title,
        subtitle=sections.subtitle(evidence),
        cards=_cards(evidence),
        sections=[_section(function, evidence, svgs) for function in sections.SECTIONS],
        footer=sections.footer(evidence),
    )
    return _with_own_ids(page)


def write(
    records: Iterable[Record],
    path: str | Path,
    *,
    pictures: Mapping[str, str] | None = None,
    title: str = TITLE,
) -> Path:
    """Write the page of `render` into a file, whole or not at all."""
    atomic_write(Path(path), render(records, pictures=pictures, title=title).encode())
    return Path(path)


def _section(
    function: sections.SectionFunction, evidence: Evidence, pictures: dict[str, str]
) -> Section:
    try:
        return function(evidence, pictures)
    except _DAMAGE as error:
        section = Section(function.__name__, function.__name__.replace("_", " ").capitalize())
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        section.note(
            f"The records of this section could not be read ({reason}). Measure again, or leave the"
            " file out.",
            "caution",
        )
        return section


def _cards(evidence: Evidence) -> list[headline.Card]:
    try:
        return headline.cards(evidence)
    except _DAMAGE:
        return []  # the sections say which records are damaged


def _with_own_ids(page: str) -> str:
    """Rename the ids within each picture: matplotlib gives every picture the same ones."""
    number = 0

    def renumber(match: re.Match[str]) -> str:
        nonlocal number
        number += 1
        svg = re.sub(r'\bid="([^"]+)"', rf'id="p{number}-\1"', match.group(0))
        svg = re.sub(r"url\(#([^)]+)\)", rf"url(#p{number}-\1)", svg)
        return re.sub(r'href="#([^"]+)"', rf'href="#p{number}-\1"', svg)

    return re.sub(r"<svg\b.*?</svg>", renumber, page, flags=re.DOTALL)
