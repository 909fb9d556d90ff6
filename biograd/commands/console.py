"""What the commands say and draw: text and bars for people, one JSON object for programs."""

from __future__ import annotations

import json
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


class Console:
    """Standard output for people; with `as_json`, standard error for people and standard output for
    one JSON line.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._rich = rich.console.Console(stderr=as_json, highlight=False)
        if not self._rich.is_terminal:
            # a log is wider than its 80
            self._rich = rich.console.Console(
                stderr=as_json, highlight=False, width=120, soft_wrap=True
            )

    def say(self, text: str) -> None:
        """A line for people."""
        self._rich.print(text, markup=False)

    def table(self, title: str, columns: list[str], rows: list[list[str]]) -> None:
        """A small table; the first column is text, the others numbers."""
        table = Table(title=title, title_justify="left")
        for index, column in enumerate(columns):
            table.add_column(column, justify="left" if index == 0 else "right")
        for row in rows:
            table.add_row(*row)
        self._rich.print(table)

    def error(self, text: str) -> None:
        """The one line that says what was wrong."""
        sys.stderr.write(f"biograd: {text}\n")

    def result(self, values: Mapping[str, Any]) -> None:  # any: what JSON can hold
        """The command's result: the last line of standard output with --json, nothing without."""
        if self.as_json:
            sys.stdout.write(json.dumps(values) + "\n")
            sys.stdout.flush()

    @contextmanager
    def bar(self, what: str, *, unit: str = "") -> Iterator[Callable[[int, int, str], None]]:
        """A progress bar; call what it yields with (done, all, text beside it)."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(unit),
            TimeRemainingColumn(),
        )
        with Progress(
            *columns,
            TextColumn("{task.fields[beside]}"),
            console=self._rich,
            transient=True,
            disable=not self._rich.is_terminal,
        ) as progress:
            task = progress.add_task(what, total=None, beside="")
            yield lambda done, total, beside: progress.update(
                task, completed=done, total=total or None, beside=beside
            )

    @contextmanager
    def downloads(self) -> Iterator[Callable[[str, int, int], None]]:
        """A bar for each thing that is fetched; call what it yields with (what, bytes done, bytes
        in all or 0).
        """
        tasks: dict[str, Any] = {}  # any: rich's task numbers
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
        with Progress(
            *columns, console=self._rich, transient=True, disable=not self._rich.is_terminal
        ) as progress:

            def show(what: str, done: int, total: int) -> None:
                if what not in tasks:
                    tasks[what] = progress.add_task(what, total=None)
                progress.update(tasks[what], completed=done, total=total or None)

            yield show
