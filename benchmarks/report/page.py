"""The parts of a section of the report; the template knows how each looks."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from markupsafe import Markup, escape
from matplotlib.figure import Figure

from biograd.pictures.saving import as_svg

Tone = Literal["", "missing", "caution"]
Tag = Literal["measured", "modelled", "published", "missing"]


@dataclass
class Section:
    """A titled part of the page; filled piece by piece."""

    id: str
    title: str
    intro: list[str | Markup] = field(default_factory=list)
    # any: values for the template, by "kind"
    items: list[dict[str, Any]] = field(default_factory=list)

    def text(self, *paragraphs: str | Markup) -> Section:
        """Add paragraphs at the top."""
        self.intro += paragraphs
        return self

    def table(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[str | Markup]],
        *,
        numbers: Sequence[int] = (),
        tinted: Sequence[int] = (),
        caption: str = "",
        stack: bool = False,
    ) -> Section:
        """Add a table.

        Args:
            numbers: columns aligned to the right.
            tinted: rows with a background colour, e.g. our own.
            caption: written below it.
            stack: on a phone, each row becomes a block.
        """
        self.items.append(
            {
                "kind": "table",
                "columns": columns,
                "rows": rows,
                "numbers": numbers,
                "tinted": tinted,
                "caption": caption,
                "stack": stack,
            }
        )
        return self

    def figures(self, *pictures: tuple[Figure | str, str], shape: str = "") -> Section:
        """Add pictures, side by side where the page is wide enough.

        Args:
            pictures: (a figure, or SVG text from elsewhere; its caption).
            shape: a class of the style sheet.
        """
        figures = [
            {"svg": inline(picture), "caption": caption, "shape": shape}
            for picture, caption in pictures
        ]
        self.items.append({"kind": "figures", "figures": figures})
        return self

    def note(self, text: str | Markup, tone: Tone = "") -> Section:
        """Add a remark; the tones "missing" and "caution" are marked."""
        self.items.append({"kind": "note", "text": text, "tone": tone})
        return self

    def missing(self, text: str, command: str) -> Section:
        """Add a remark that something is not recorded, and the command that would measure it."""
        return self.note(
            Markup("{} To fill this section: <code>{}</code>").format(text, command), "missing"
        )

    def digits(self, misread: Sequence[dict[str, Any]]) -> Section:
        """Add misread images.

        Args:
            misread: each with `pixels` (base64 of uint8, 0 black), `shape`, `class` and `answer`.
        """
        digits = [
            {"class": d["class"], "answer": d["answer"], "src": _bitmap(d["pixels"], d["shape"])}
            for d in misread
        ]
        self.items.append({"kind": "digits", "digits": digits})
        return self


def tag(kind: Tag) -> Markup:
    """Return a small label that says how a figure was obtained."""
    return Markup('<span class="tag {0}">{0}</span>').format(kind)


def link(text: str, target: str) -> Markup:
    """Return a link to a source; the page itself loads nothing from it."""
    return (
        Markup('<a href="{}" rel="noreferrer">{}</a>').format(target, text)
        if target
        else escape(text)
    )


def inline(figure: Figure | str) -> Markup:
    """Return a picture as part of the page.

    SVG text from elsewhere that holds more than shapes becomes an image, which runs no scripts.
    """
    svg = as_svg(figure) if isinstance(figure, Figure) else figure[max(0, figure.find("<svg")) :]
    if isinstance(figure, str) and not _only_shapes(svg):
        encoded = base64.b64encode(svg.encode()).decode()
        return Markup(
            '<img alt="" style="max-width:100%" src="data:image/svg+xml;base64,{}">'
        ).format(encoded)
    return Markup(svg)


def _only_shapes(svg: str) -> bool:
    # A page that needs no network has no scripts, handlers, embedded pages or outside links.
    outside = re.search(
        r"<(script|foreignObject|iframe|image\b(?![^>]*data:))|\son\w+\s*="
        r'|href\s*=\s*["\'](?!#|data:image/png)',
        svg,
        re.I,
    )
    return svg.startswith("<svg") and svg.rstrip().endswith("</svg>") and outside is None


def _bitmap(pixels: str, shape: Sequence[int]) -> str:
    """Return grey pixels as a data URL, black ink on white.

    An 8-bit BMP needs no compression library.
    """
    height, width = int(shape[-2]), int(shape[-1])
    grey = base64.b64decode(pixels)
    if len(grey) != height * width or not 0 < height <= 512 or not 0 < width <= 512:
        raise ValueError(f"{len(grey)} pixels do not make an image of {height} x {width}")
    stride = -(-width // 4) * 4
    rows = b"".join(
        bytes(255 - p for p in grey[r * width : (r + 1) * width]).ljust(stride, b"\0")
        for r in reversed(range(height))
    )
    palette = b"".join(bytes((i, i, i, 0)) for i in range(256))
    offset = 14 + 40 + len(palette)
    header = (
        b"BM" + (offset + len(rows)).to_bytes(4, "little") + bytes(4) + offset.to_bytes(4, "little")
    )
    fields = (  # of BITMAPINFOHEADER: (value, bytes)
        (40, 4),  # size of this header
        (width, 4),
        (height, 4),
        (1, 2),  # planes
        (8, 2),  # bits per pixel
        (0, 4),  # not compressed
        (len(rows), 4),
        (2835, 4),  # pixels per metre
        (2835, 4),
        (256, 4),  # colours
        (0, 4),
    )
    info = b"".join(value.to_bytes(size, "little") for value, size in fields)
    return "data:image/bmp;base64," + base64.b64encode(header + info + palette + rows).decode()
