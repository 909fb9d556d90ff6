"""The program `biograd`: find a command, parse its flags, print its result or a one-line error.

Only this package prints, draws bars, catches errors and exits.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import importlib.util
import io
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import tyro

from ..checks import known_words
from .console import Console, leave_closed_pipes
from .helpers.flags import without_flags_of_defaults
from .refusals import as_typed, one_line

COMMANDS = {
    "train": "train a network, into a run folder",
    "evaluate": "measure a trained run on its test samples",
    "listen": "answer while a wav file is heard in chunks, as a microphone would send them",
    "analyze": "compare the population codes of a trained run's classes",
    "export": "write a trained run as a NIR file",
    "deploy": "run a NIR file in the chip's integers: in the emulator here, or in Lava",
    "learn": "learn as the chip does: integer weights, traces and microcode",
    "benchmark": "measure accuracy, energy and speed against backpropagation",
    "report": "turn records into one HTML page",
    "draw": "write a page on which to draw digits and watch the network read them",
    "data": "fetch and verify data sets",
}
# Commands of another package, found by name, so that nothing in biograd imports it.
_PACKAGES = {"benchmark": "benchmarks", "report": "benchmarks"}
_EPILOGUE = """every command takes
  --json           one JSON object as the last line of standard output, all else on standard error
  --import MODULE  import a module of your own first, which adds to the tables, e.g. RULES"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return the exit code.

    Returns: 0 done; 2 refused (one line on standard error says why); 130 stopped by Ctrl-C; 141
    where the reader of the output is gone, as in `biograd data | head -1`.
    """
    try:
        try:
            return _run(sys.argv[1:] if arguments is None else arguments)
        finally:
            sys.stdout.flush()  # here, not at the interpreter's end, which could only complain
    except BrokenPipeError:
        leave_closed_pipes()
        return 128 + signal.SIGPIPE


def _run(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_overview())
        return 0 if arguments else 2
    if arguments[0] == "--version":
        print(f"biograd {importlib.metadata.version('biograd')}")
        return 0
    console = Console(as_json="--json" in arguments)
    try:
        command = _module(arguments[0])
        flags = _import_named(arguments[1:])
        with _warnings_in_lines(console):
            result = command.run(parse(command, arguments[0], flags), console)
    except KeyboardInterrupt:
        console.error("stopped")
        return 130
    except BrokenPipeError:
        raise
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        message = " ".join(str(error).split()) or type(error).__name__
        console.error(as_typed(message, arguments))
        return 2
    code = int(result.pop("exit_code", 0))
    console.result(result)
    return code


@contextlib.contextmanager
def _warnings_in_lines(console: Console) -> Iterator[None]:
    """Print warnings as one line each on standard error, without Python's source lines."""

    def show(message: Warning | str, *rest: object, **options: object) -> None:
        console.error(f"note: {' '.join(str(message).split())}")

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def _module(name: str) -> ModuleType:
    """Import the module of a command.

    Raises: ValueError for an unknown command; ImportError where its package is not installed.
    """
    if name not in COMMANDS:
        raise ValueError(f"there is no command {name!r}; {known_words(name, COMMANDS)}")
    package = _PACKAGES.get(name, "biograd")
    if importlib.util.find_spec(package) is None:
        raise ImportError(
            f"the command {name!r} is in the package {package!r}, which is not installed: run it"
            " in a checkout of BioGrad, or reinstall biograd with all its packages"
        )
    return importlib.import_module(f"{package}.commands.{name}")


def _import_named(arguments: list[str]) -> list[str]:
    """Import the modules named by --import, and return the other arguments.

    They are found where Python finds modules, and in the working folder. Only the command line can
    name them: a file that is read, e.g. a run's configuration, never makes code run.
    """
    others, words = [], iter(arguments)
    for word in words:
        flag, _, name = word.partition("=")
        if flag != "--import":
            others.append(word)
            continue
        name = name or next(words, "")
        if not all(part.isidentifier() for part in name.split(".")):
            raise ValueError(f"--import is {name!r}; need the name of a module, e.g. my_rules")
        if os.getcwd() not in sys.path:
            sys.path.append(os.getcwd())
        importlib.import_module(name)
    return others


# any: the Args of a command
def parse(command: ModuleType, name: str, arguments: list[str]) -> Any:
    """Return the command's `Args` from its flags; ValueError in one line where they do not fit."""
    complaint = io.StringIO()
    default = command.defaults(arguments) if hasattr(command, "defaults") else None
    try:
        with contextlib.redirect_stderr(complaint):
            return tyro.cli(
                command.Args,
                args=without_flags_of_defaults(arguments, default) if default else arguments,
                prog=f"biograd {name}",
                description=_paragraphs(command.__doc__ or ""),
                default=default,
                config=(tyro.conf.FlagCreatePairsOff,),
            )
    except SystemExit as stop:
        if not stop.code:
            raise
        raise ValueError(f"{one_line(complaint.getvalue())} (see biograd {name} --help)") from None


def _paragraphs(text: str) -> str:
    """Return a text with each paragraph on one line, for tyro to wrap."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _overview() -> str:
    commands = [f"  {name:<11}{purpose}" for name, purpose in COMMANDS.items()]
    usage = "usage: biograd COMMAND [flags]    (biograd COMMAND --help says more)"
    return "\n".join([usage, "", *commands, "", _EPILOGUE])
