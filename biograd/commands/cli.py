"""The roof: the program `biograd`. The only place that prints, draws bars, catches errors and
exits.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import io
import sys
from typing import Any

import tyro

from .console import Console

COMMANDS = {
    "train": "train a network, into a run folder",
    "evaluate": "measure a trained run on its test images",
    "export": "write a trained run as a NIR file",
    "deploy": "run a NIR file on a target: the chip's integers here, or Lava",
    "learn": "learn on the chip's terms: integer weights, traces and microcode",
    "benchmark": "measure accuracy, energy and speed against backpropagation",
    "report": "turn records into one HTML page",
    "draw": "write a page on which to draw digits and watch the network read them",
    "data": "fetch and verify data sets",
}
# commands of other packages, found by name
_WINGS = {"benchmark": "benchmarks", "report": "benchmarks"}
_RULE = "─"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 done, 2 refused (one line on standard error says why), 130 stopped by
    Ctrl-C.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_overview())
        return 0 if arguments else 2
    if arguments[0] == "--version":
        print(f"biograd {importlib.metadata.version('biograd')}")
        return 0
    console = Console(as_json="--json" in arguments)
    try:
        if arguments[0] not in COMMANDS:
            raise ValueError(f"there is no command {arguments[0]!r}; known: {', '.join(COMMANDS)}")
        command = importlib.import_module(
            f"{_WINGS.get(arguments[0], 'biograd')}.commands.{arguments[0]}"
        )
        result = command.run(parse(command, arguments[0], arguments[1:]), console)
    except KeyboardInterrupt:
        console.error("stopped")
        return 130
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        console.error(" ".join(str(error).split()) or type(error).__name__)
        return 2
    code = int(result.pop("exit_code", 0))
    console.result(result)
    return code


# any: a module of biograd.commands, and its Args
def parse(command: Any, name: str, arguments: list[str]) -> Any:
    """The command's `Args` from its flags; ValueError in one line where they do not fit."""
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return tyro.cli(
                command.Args,
                args=arguments,
                prog=f"biograd {name}",
                description=command.__doc__,
                default=command.defaults(arguments) if hasattr(command, "defaults") else None,
                config=(tyro.conf.FlagCreatePairsOff,),
            )
    except SystemExit as stop:
        if not stop.code:
            raise
        raise ValueError(
            _one_line(complaint.getvalue()) + f" (see biograd {name} --help)"
        ) from None


def _one_line(box: str) -> str:
    """What a box drawn by tyro says, without the box: its text up to the first rule inside it."""
    words = []
    for line in box.splitlines():
        text = line.strip().strip("│").strip()
        if text.startswith(("╭", "╰")):
            continue
        if text.startswith(_RULE):
            break
        words.append(text)
    return " ".join(" ".join(words).split())


def _overview() -> str:
    lines = ["usage: biograd COMMAND [flags]    (biograd COMMAND --help says more)", ""]
    lines += [f"  {name:<11}{what}" for name, what in COMMANDS.items()]
    return "\n".join(
        [
            *lines,
            "",
            (
                "every command takes --json: one JSON object as the last line of standard output,"
                " all else on standard error"
            ),
        ]
    )
