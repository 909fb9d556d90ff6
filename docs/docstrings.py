"""Let mkdocstrings read docstrings and comments as this repository writes them."""

from __future__ import annotations

import re
from typing import Any

import griffe


class Docstrings(griffe.Extension):
    """Doctests under "Example:" become code, and a field's comment becomes its description."""

    # any, here and below: griffe passes a syntax tree, its own agents and more
    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rename the section to the plural that the parser knows."""
        if obj.docstring:
            text = re.sub(
                r"^(\s*)Example:", r"\1Examples:", obj.docstring.value, flags=re.MULTILINE
            )
            obj.docstring.value = text

    def on_attribute_instance(self, *, attr: griffe.Attribute, **_: Any) -> None:
        """Take the comment behind or above an attribute for its docstring, where it has none."""
        if attr.docstring or attr.lineno is None or attr.endlineno is None:
            return
        lines = attr.lines_collection[attr.filepath]
        comment = _behind(lines[attr.endlineno - 1]) or _above(lines[: attr.lineno - 1])
        if comment:
            attr.docstring = griffe.Docstring(comment, parent=attr)


def _behind(line: str) -> str:
    comment = re.search(r"  # (?!noqa|type:|fmt:)(.+)$", line)
    return comment[1] if comment else ""


def _above(lines: list[str]) -> str:
    block: list[str] = []
    while lines and re.match(r"\s*# ", lines[-1]):
        block.insert(0, lines.pop().strip().removeprefix("# "))
    return " ".join(block)
