"""The drill `kills`: SIGKILL at random moments, and between any two file operations."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

from checks import compare, inspect
from commands import BENCHMARK, LEARN, PATIENCE, TRAIN, Drill, need

SHARES = {"train": 17, "learn": 12, "benchmark": 11, "export": 10}  # of the kills, per command
OPERATIONS = (1, 2, 3, 4, 5, 6, 8, 10, 13, 17)  # file operations at one of which a kill comes


def kills(drill: Drill, number: int) -> dict:
    """Kill the commands `number` times in total."""
    commands = {"train": TRAIN, "learn": LEARN, "benchmark": BENCHMARK}
    commands["export"] = ["export", str(drill.folder / "trained")]
    if "export" in drill.commands:
        drill.whole(drill.out(TRAIN, "trained"))
    shares = {name: share for name, share in SHARES.items() if name in drill.commands}
    report: dict = {"kills": 0}
    for name, share in shares.items():
        count = max(1, round(number * share / sum(shares.values())))
        report[name] = _killed(drill, name, commands[name], count)
        report["kills"] += report[name]["kills"]
    return report


def _killed(drill: Drill, name: str, arguments: list[str], number: int) -> dict:
    """Kill one command `number` times, over as many runs as that takes.

    Each run is compared with an unbroken one.
    """
    start = time.monotonic()
    (drill.folder / f"{name}-whole").mkdir()
    drill.whole(drill.out(arguments, f"{name}-whole"))
    duration = time.monotonic() - start
    killed = runs = by_file = 0
    while killed < number:
        runs += 1
        folder = drill.folder / f"{name}-{runs}"
        folder.mkdir()
        command = drill.out(arguments, folder.name)
        while True:
            ended, at_file = _kill_once(drill, command, folder, duration, last=killed >= number)
            if ended:
                break
            killed, by_file = killed + 1, by_file + at_file
            inspect(folder)
        inspect(folder)
        compare(drill.folder / f"{name}-whole", folder)
    return {
        "kills": killed,
        "between_file_operations": by_file,
        "runs": runs,
        "unbroken_seconds": round(duration, 1),
    }


def _kill_once(
    drill: Drill, command: list[str], folder: Path, duration: float, *, last: bool
) -> tuple[bool, bool]:
    """Run a command to its end, or kill it before.

    Returns: (it ended by itself, it was killed between file operations).
    """
    if last:
        drill.whole(command)
        return True, False
    at_file = drill.rng.random() < 0.5
    operation = str(drill.rng.choice(OPERATIONS))
    variables = {"DRILL_KILL_AT": operation, "DRILL_FOLDER": str(folder)} if at_file else {}
    process = drill.start(command, **variables)
    patience = PATIENCE if at_file else drill.rng.uniform(0.3, 1) * duration
    try:
        _, err = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return False, False
    code = process.returncode
    need(code in (0, -signal.SIGKILL), f"{' '.join(command)} ended with {code}: {err}")
    return code == 0, at_file
