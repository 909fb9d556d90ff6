"""Figures as SVG text, as PNG bytes, and as files of both kinds."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from ..files import atomic_write


def as_svg(figure: Figure) -> str:
    """Return the figure as one <svg> element, to stand alone or within HTML.

    Equal figures give equal text, but for ids: they follow the last bits of matplotlib's layout,
    which differ between processes.
    """
    text = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "biograd", "svg.fonttype": "path"}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()[text.getvalue().index("<svg") :]


def as_png(figure: Figure, dpi: int = 150) -> bytes:
    """Return the figure as a PNG file."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=dpi)
    return content.getvalue()


def save(figures: Mapping[str, Figure], folder: Path) -> list[Path]:
    """Write each figure as folder/NAME.svg and folder/NAME.png; return the SVG files."""
    written = []
    for name, figure in figures.items():
        path = folder / f"{name}.svg"
        atomic_write(path, as_svg(figure).encode())
        atomic_write(path.with_suffix(".png"), as_png(figure))
        written.append(path)
    return written
