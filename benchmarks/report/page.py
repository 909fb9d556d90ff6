"""What a section of the report is made of; the template knows how each looks."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from markupsafe import Markup, escape
from matplotlib.figure import Figure

from biograd.pictures.plots import as_svg

Tone = Literal["", "missing", "caution"]
Tag = Literal["measured", "modelled", "published", "missing"]


@dataclass
class Section:
    """A titled part of the page; filled piece by piece."""

    id: str
    title: str
    intro: list[str | Markup] = field(default_factory=list)
    # any: what the template shows, by its "kind"
    items: list[dict[str, Any]] = field(default_factory=list)

    def text(self, *paragraphs: str | Markup) -> Section:
        """Paragraphs at the top."""
        self.intro += paragraphs
        return self

    def table(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[str | Markup]],
        *,
        numbers: Sequence[int] = (),
        ours: Sequence[int] = (),
        caption: str = "",
        stack: bool = False,
    ) -> Section:
        """A table.

        Args:
            numbers: columns aligned to the right.
            ours: rows that are tinted.
            stack: on a phone, each row becomes a block.
        """
        self.items.append(
            {
                "kind": "table",
                "columns": columns,
                "rows": rows,
                "numbers": numbers,
                "ours": ours,
                "caption": caption,
                "stack": stack,
            }
        )
        return self

    def figures(self, *drawn: tuple[Figure | str, str], shape: str = "") -> Section:
        """Pictures side by side where there is room: (figure of ours, or SVG handed in; caption)."""
        made = [
            {"svg": inline(figure), "caption": caption, "shape": shape} for figure, caption in drawn
        ]
        self.items.append({"kind": "figures", "figures": made})
        return self

    def note(self, text: str | Markup, tone: Tone = "") -> Section:
        """A remark; "missing" and "caution" are marked."""
        self.items.append({"kind": "note", "text": text, "tone": tone})
        return self

    def missing(self, what: str, command: str) -> Section:
        """What is not there, and the command that would measure it."""
        return self.note(
            Markup("{} To fill this section: <code>{}</code>").format(what, command), "missing"
        )

    def digits(self, misread: Sequence[dict[str, Any]]) -> Section:
        """Misread images: base64 of uint8 pixels, 0 black, with their shape, class and answer."""
        shown = [
            {"class": d["class"], "answer": d["answer"], "src": _bitmap(d["pixels"], d["shape"])}
            for d in misread
        ]
        self.items.append({"kind": "digits", "digits": shown})
        return self


def tag(kind: Tag) -> Markup:
    """How a figure came to be, as a small label."""
    return Markup('<span class="tag {0}">{0}</span>').format(kind)


def link(text: str, target: str) -> Markup:
    """A link to a source; the page itself loads nothing from it."""
    return (
        Markup('<a href="{}" rel="noreferrer">{}</a>').format(target, text)
        if target
        else escape(text)
    )


def inline(figure: Figure | str) -> Markup:
    """A picture within the page. SVG that was handed in is shown as an image where it holds more
    than shapes.
    """
    svg = as_svg(figure) if isinstance(figure, Figure) else figure[max(0, figure.find("<svg")) :]
    if isinstance(figure, str) and not _only_shapes(svg):
        encoded = base64.b64encode(svg.encode()).decode()
        return Markup(
            '<img alt="" style="max-width:100%" src="data:image/svg+xml;base64,{}">'
        ).format(encoded)
    return Markup(svg)


def _only_shapes(svg: str) -> bool:
    # Scripts, handlers, embedded pages and links to elsewhere have no place in a page that needs no
    # network.
    outside = re.search(
        r'<(script|foreignObject|iframe|image\b(?![^>]*data:))|\son\w+\s*=|href\s*=\s*["\'](?!#|data:image/png)',
        svg,
        re.I,
    )
    return svg.startswith("<svg") and svg.rstrip().endswith("</svg>") and outside is None


def _bitmap(pixels: str, shape: Sequence[int]) -> str:
    """Grey pixels as a data URL: an 8-bit BMP, which needs no compression library; black ink on
    white.
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
    fields = (
        (40, 4),
        (width, 4),
        (height, 4),
        (1, 2),
        (8, 2),
        (0, 4),
        (len(rows), 4),
        (2835, 4),
        (2835, 4),
        (256, 4),
        (0, 4),
    )
    info = b"".join(value.to_bytes(size, "little") for value, size in fields)
    return "data:image/bmp;base64," + base64.b64encode(header + info + palette + rows).decode()
