"""Run a tutorial cell by cell, and keep what each one showed: its text, its code, what it printed, its value.

A tutorial is a plain script. Lines `# %% [markdown]` begin cells of comment that are prose, lines `# %%` cells of code; editors and
Jupyter know the same marks. As in a notebook, the value of a cell's last expression is shown: a matplotlib Figure as a picture.
"""

from __future__ import annotations

import ast
import contextlib
import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_MARK = re.compile(r"^# %%(?P<prose> \[markdown\])?[ ]*$", re.MULTILINE)


@dataclass
class Cell:
    """One cell, and, once it has run, what it showed."""

    source: str  # markdown of a cell of prose, else Python
    prose: bool
    line: int  # of the file, 1 = first, where `source` begins
    printed: str = ""
    value: Any = field(default=None, repr=False)  # of the last expression; any: Python's


class TutorialError(Exception):
    """A tutorial that is not made of cells, or a cell that failed: file, line, reason."""


def read(path: Path) -> list[Cell]:
    """The cells of a tutorial, none of them run."""
    text = path.read_text(encoding="utf-8")
    marks = list(_MARK.finditer(text))
    if not marks or text[: marks[0].start()].strip():
        raise TutorialError(f"{path.name}:1: must begin with a line '# %%' or '# %% [markdown]'")
    cells = []
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        source = text[mark.end() + 1 : following.start() if following else len(text)]
        line = text.count("\n", 0, mark.end()) + 2
        if mark["prose"]:
            source = _uncommented(source, path, line)
        cells.append(Cell(source=source.rstrip() if mark["prose"] else source, prose=bool(mark["prose"]), line=line))
    return cells


def title(cells: list[Cell]) -> str:
    """The first heading."""
    found = re.search(r"^# (.+)$", cells[0].source, re.MULTILINE) if cells and cells[0].prose else None
    if not found:
        raise TutorialError("the first cell must be prose with a heading, '# # Title'")
    return found[1]


def run(path: Path) -> tuple[list[Cell], dict[str, Any]]:  # any: names of the tutorial's own
    """Run every cell in one namespace, in the order of the file.

    Returns: the cells with what they showed, and the namespace as it was left.
    Raises: TutorialError naming the line of the file that failed.
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
            raise TutorialError(f"{path.name}:{_line_of(error, path, cell.line)}: {type(error).__name__}: {error}") from error
        cell.printed = printed.getvalue()
    return cells, names


def _execute(cell: Cell, path: Path, names: dict[str, Any]) -> Any:  # any: as above
    tree = ast.parse(cell.source, str(path))
    ast.increment_lineno(tree, cell.line - 1)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, str(path), "exec"), names)
    return eval(compile(ast.Expression(last.value), str(path), "eval"), names) if last else None


def _line_of(error: BaseException, path: Path, otherwise: int) -> int:
    """The last line of the tutorial that the error passed through."""
    if isinstance(error, SyntaxError):
        return otherwise + (error.lineno or 1) - 1
    found, place = otherwise, error.__traceback__
    while place is not None:
        if place.tb_frame.f_code.co_filename == str(path):
            found = place.tb_lineno
        place = place.tb_next
    return found


def _uncommented(source: str, path: Path, line: int) -> str:
    lines = source.rstrip("\n").split("\n")
    for number, text in enumerate(lines):
        if text.strip() and not text.startswith("#"):
            raise TutorialError(f"{path.name}:{line + number}: a cell of prose holds comments only: begin code with '# %%'")
    return "\n".join(text[2:] if text.startswith("# ") else text[1:] for text in lines)
