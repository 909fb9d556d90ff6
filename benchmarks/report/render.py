"""One HTML page from records: what the paper claims, what was measured here, what is modelled, and
what is missing.

    report.write(records.read("runs/mnist/records.jsonl"), Path("report.html"), pictures={"raster":
    svg})

The page needs no network and no other file. It sees nothing but records and the pictures handed in.
A section without records says which command would fill it; a section whose records are broken says
so, and the others stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import jinja2
from markupsafe import Markup

from biograd.files import atomic_write
from biograd.runs import records

from . import sections
from .evidence import Evidence
from .page import Section

TITLE = "BioGrad: learning without backpropagation, and what it costs"


def render(
    found: Iterable[records.Record],
    *,
    pictures: Mapping[str, str] | None = None,
    title: str = TITLE,
) -> str:
    """The page as text.

    Args:
        found: records of any origin and state, of one run or of many.
        pictures: SVG by name, as `biograd train` leaves them in a run folder: raster, compartments,
            receptive_fields, ...
    """
    evidence, drawn = Evidence(found), dict(pictures or {})
    shown = [_guarded(make, evidence, drawn) for make in sections.SECTIONS]
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
        sections=shown,
        footer=sections.footer(evidence),
    )
    return _numbered_ids(page)


def write(
    found: Iterable[records.Record],
    path: str | Path,
    *,
    pictures: Mapping[str, str] | None = None,
    title: str = TITLE,
) -> Path:
    """`render` into a file, whole or not at all."""
    atomic_write(Path(path), render(found, pictures=pictures, title=title).encode())
    return Path(path)


def _guarded(
    make: sections.SectionFunction, evidence: Evidence, pictures: dict[str, str]
) -> Section:
    # Records come from anywhere: another version's may hold anything under the names that are
    # looked for.
    try:
        return make(evidence, pictures)
    except (
        KeyError,
        IndexError,
        TypeError,
        ValueError,
        AttributeError,
        ZeroDivisionError,
        OverflowError,
    ) as error:
        name = make.__name__.replace("_", " ").capitalize()
        section = Section(make.__name__, name)
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        section.note(
            f"The records of this section could not be read ({reason}). Measure again, or leave the"
            " file out.",
            "caution",
        )
        return section


def _cards(evidence: Evidence) -> list[dict[str, str]]:
    try:
        return sections.cards(evidence)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, ZeroDivisionError):
        return []  # the sections say what is wrong


def _numbered_ids(page: str) -> Markup:
    """Make the ids within each picture its own: matplotlib gives every picture the same ones."""
    number = 0

    def renumber(match: re.Match[str]) -> str:
        nonlocal number
        number += 1
        svg = re.sub(r'\bid="([^"]+)"', rf'id="p{number}-\1"', match.group(0))
        svg = re.sub(r"url\(#([^)]+)\)", rf"url(#p{number}-\1)", svg)
        return re.sub(r'href="#([^"]+)"', rf'href="#p{number}-\1"', svg)

    return Markup(re.sub(r"<svg\b.*?</svg>", renumber, page, flags=re.DOTALL))


def read_files(paths: Iterable[str | Path]) -> tuple[list[records.Record], list[str]]:
    """Records of several files, and a line for each file that could not be read."""
    found: list[records.Record] = []
    faults: list[str] = []
    for path in paths:
        try:
            found += records.read(path)
        except (OSError, ValueError) as error:
            faults.append(str(error))
    return found, faults


def run_pictures(folder: str | Path) -> dict[str, str]:
    """The SVG pictures that lie in a run folder's `pictures`, by name; those over 4 MB are left
    out.
    """
    found: dict[str, str] = {}
    for path in sorted((Path(folder) / "pictures").glob("*.svg")):
        if path.stat().st_size <= 4 << 20:
            found[path.stem] = path.read_text(encoding="utf-8", errors="replace")
    return found
