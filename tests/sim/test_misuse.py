"""Wrong arguments at every public callable are refused by a clear message, or harmless.

A quick form of `python tools/misuse`, in processes of its own: a call that crashes is a fault, and
the others go on.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "misuse"

if not sys.platform.startswith("linux"):
    pytest.skip("the tool reads /proc", allow_module_level=True)


def misused(folder: Path, *options: str) -> dict:
    """Return the report of a run of the tool."""
    report = folder / "report.json"
    command = [sys.executable, str(TOOL), "--seed", "0", "--json", str(report), *options]
    run = subprocess.run(command, capture_output=True, text=True, timeout=250)
    assert run.returncode in (0, 1), run.stderr[-2000:]
    return json.loads(report.read_text())


def lines(report: dict) -> str:
    """Return the faults of a report, each with the command that repeats it."""
    return "\n".join(
        f"{fault['verdict']}: {fault['callable']} [{fault['mutation']}] {fault['kind']}:"
        f" {fault['message'][:200]}\n    {fault['reproduce']}"
        for fault in report["faults"]
    )


@pytest.mark.slow
def test_wrong_arguments_are_refused_by_every_public_callable(tmp_path):
    report = misused(tmp_path, "--calls", "1000")
    assert report["calls"] == 1000
    assert not report["uncovered"]
    assert not report["faults"], lines(report)
