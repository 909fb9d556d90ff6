"""Output of the commands: text, tables and bars for people, one JSON object for programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import rich.console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

LOG_WIDTH = 120  # letters per line where the output is no terminal; rich would break lines at 80


class _Pipe(rich.console.Console):
    """Rich's console, which leaves it to the caller that the reader of its output is gone."""

    def on_broken_pipe(self) -> None:
        raise  # the BrokenPipeError that is being handled


class Console:
    """Text on standard output; with `as_json`, text on standard error, JSON on standard output."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._rich = _Pipe(stderr=as_json, highlight=False)
        if not self._rich.is_terminal:
            self._rich = _Pipe(stderr=as_json, highlight=False, width=LOG_WIDTH, soft_wrap=True)

    def say(self, text: str) -> None:
        """Print a line for people."""
        self._rich.print(text, markup=False)

    def table(self, title: str, columns: list[str], rows: list[list[str]]) -> None:
        """Print a small table; the first column is text, the others are numbers."""
        table = Table(title=title, title_justify="left")
        for index, column in enumerate(columns):
            table.add_column(column, justify="left" if index == 0 else "right")
        for row in rows:
            table.add_row(*row)
        self._rich.print(table)

    def error(self, text: str) -> None:
        """Print the one line that says what was wrong."""
        sys.stderr.write(f"biograd: {text}\n")

    def result(self, values: Mapping[str, Any]) -> None:  # any: what JSON can hold
        """Print the command's result as the last line of standard output, with --json alone."""
        if self.as_json:
            sys.stdout.write(json.dumps(values) + "\n")
            sys.stdout.flush()

    @contextmanager
    def bar(self, what: str, *, unit: str = "") -> Iterator[Callable[[int, int, str], None]]:
        """Draw a progress bar; yields a function of (done, total, text beside the bar)."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(unit),
            TimeRemainingColumn(),
            TextColumn("{task.fields[beside]}"),
        )
        with self._progress(*columns) as progress:
            task = progress.add_task(what, total=None, beside="")
            yield lambda done, total, beside: progress.update(
                task, completed=done, total=total or None, beside=beside
            )

    @contextmanager
    def downloads(self) -> Iterator[Callable[[str, int, int], None]]:
        """Draw a bar per download; yields a function of (what, bytes done, total bytes or 0)."""
        tasks: dict[str, Any] = {}  # any: rich's task numbers
        with self._progress(
            TextColumn("{task.description}"), BarColumn(), DownloadColumn()
        ) as progress:

            def show(what: str, done: int, total: int) -> None:
                if what not in tasks:
                    tasks[what] = progress.add_task(what, total=None)
                progress.update(tasks[what], completed=done, total=total or None)

            yield show

    def _progress(self, *columns: Any) -> Progress:  # any: rich's columns, or text
        return Progress(
            *columns, console=self._rich, transient=True, disable=not self._rich.is_terminal
        )


def leave_closed_pipes() -> None:
    """Send what is still to be written nowhere: the reader of standard output or error is gone."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(nowhere, stream.fileno())
