"""A few of the faults of `tools/drill`, which breaks things on purpose many more times."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "drill"


def drill(*arguments):
    process = subprocess.run(
        [sys.executable, str(TOOL), *arguments], capture_output=True, text=True, timeout=280
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return json.loads(process.stdout)


@pytest.mark.slow
def test_killed_runs_end_as_an_unbroken_one():
    report = drill("kills", "--kills", "2", "--commands", "train", "--seed", "1")
    assert report["passed"] and report["kills"] == report["train"]["kills"] == 2


@pytest.mark.slow
def test_a_full_disk_costs_only_the_checkpoint_that_did_not_fit():
    report = drill("disk", "--commands", "train")
    assert report["passed"] and "free space there" in report["train"]
