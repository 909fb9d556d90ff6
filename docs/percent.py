"""Run a script in percent format and turn it into a Markdown page with its output and figures.

Lines `# %% [markdown]` start cells of prose, written as comments; lines `# %%` start cells of
code. Editors and Jupyter read the same marks. As in a notebook, the value of the last expression
of a cell is shown, a matplotlib Figure as a picture.
"""

from __future__ import annotations

import ast
import contextlib
import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from biograd.pictures.saving import as_svg

_MARK = re.compile(r"^# %%(?P<prose> \[markdown\])?[ ]*\n", re.MULTILINE)


@dataclass
class Cell:
    """One cell and, once it has run, its output."""

    source: str  # Markdown of a cell of prose, else Python
    prose: bool
    line: int  # line of the file at which `source` starts, 1 = first
    printed: str = ""
    value: Any = field(default=None, repr=False)  # of the last expression; any: Python's


class TutorialError(Exception):
    """A file that is not in percent format, or a cell that failed: file, line, reason."""


def read(path: Path) -> list[Cell]:
    """Return the cells of a script without running them."""
    text = path.read_text(encoding="utf-8")
    marks = list(_MARK.finditer(text))
    if not marks or marks[0].start():
        raise TutorialError(f"{path.name}:1: must start with '# %%' or '# %% [markdown]'")
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    cells = []
    for mark, end in zip(marks, ends, strict=True):
        source, line = text[mark.end() : end].strip("\n"), text.count("\n", 0, mark.end()) + 1
        if mark["prose"]:
            source = re.sub(r"^# ?", "", source, flags=re.MULTILINE)
        cells.append(Cell(source=source, prose=bool(mark["prose"]), line=line))
    return cells


def run(path: Path) -> tuple[list[Cell], dict[str, Any]]:  # any: the script's own names
    """Run all cells in one namespace, in the order of the file.

    Returns: the cells with their output, and the namespace after the last cell.
    Raises: TutorialError with the line of the script that failed.
    """
    cells, names = read(path), {"__name__": "tutorial", "__file__": str(path)}
    for cell in cells:
        if cell.prose:
            continue
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                cell.value = _execute(cell, path, names)
        except Exception as error:
            line = _line_of(error, path) or cell.line
            reason = f"{type(error).__name__}: {error}"
            raise TutorialError(f"{path.name}:{line}: {reason}") from error
        cell.printed = printed.getvalue()
    return cells, names


def markdown(cells: list[Cell], picture: str) -> tuple[str, dict[str, str]]:
    """Return a page of executed cells, and its figures as SVG, by the file name in the page.

    Args:
        picture: file name of a figure, with `{}` for its number, e.g. "energy-{}.svg".
    """
    parts, figures = [], {}
    for cell in cells:
        if cell.prose:
            parts.append(cell.source)
            continue
        parts.append(f"```python\n{cell.source}\n```")
        text = cell.printed.rstrip()
        if isinstance(cell.value, Figure):
            name = picture.format(len(figures) + 1)
            figures[name] = as_svg(cell.value)
        elif cell.value is not None:
            text += f"\n{cell.value!r}"
        if text:
            parts.append(f"``` {{.text .printed}}\n{text}\n```")
        if isinstance(cell.value, Figure):
            parts.append(f"![Figure {len(figures)}]({name})")
    return "\n\n".join(parts) + "\n", figures


def _execute(cell: Cell, path: Path, names: dict[str, Any]) -> Any:  # any: as above
    tree = ast.parse("\n" * (cell.line - 1) + cell.source, str(path))
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, str(path), "exec"), names)
    return eval(compile(ast.Expression(last.value), str(path), "eval"), names) if last else None


def _line_of(error: BaseException, path: Path) -> int | None:
    """Return the last line of the script that an error passed through."""
    if isinstance(error, SyntaxError):
        return error.lineno
    line, frame = None, error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == str(path):
            line = frame.tb_lineno
        frame = frame.tb_next
    return line
