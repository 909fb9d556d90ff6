"""All drills but `kills`: Ctrl-C, a full or read-only disk, vanished data, a jumping clock, two
processes.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path

from checks import compare, inspect
from commands import BENCHMARK, LEARN, PATIENCE, SAID, TRAIN, Drill, need


def interrupt(drill: Drill) -> dict:
    """Press Ctrl-C, once and twice, while training and learning."""
    report = {}
    for arguments in drill.selected(TRAIN, LEARN):
        name = arguments[0]
        drill.whole(drill.out(arguments, f"{name}-whole"))
        for presses in (1, 2):
            folder = drill.folder / f"{name}-{presses}"
            report[f"{name}, {presses}"] = _interrupted(drill, arguments, folder, presses)
            compare(drill.folder / f"{name}-whole", folder)
    return report


def _interrupted(drill: Drill, arguments: list[str], folder: Path, presses: int) -> dict:
    """Interrupt a command, check what it leaves, and resume it to its end."""
    name, command = arguments[0], drill.out(arguments, folder.name)
    process = drill.start_until_it_prints(command)
    time.sleep(drill.rng.uniform(0.2, 0.5))
    start = time.monotonic()
    for _ in range(presses):
        process.send_signal(signal.SIGINT)
        time.sleep(0.001)
    out, err = process.communicate(timeout=60)
    code, seconds = process.returncode, round(time.monotonic() - start, 2)
    need(code == 130, f"{name} after {presses} x Ctrl-C ended with {code}: {out} {err}")
    need("Traceback" not in err, err)
    need(presses == 2 or "saved" in out, f"{name} did not say that it saved: {out} {err}")
    inspect(folder)
    drill.whole(command)
    return {"code": code, "seconds": seconds}


def disk(drill: Drill) -> dict:
    """Leave no space for the next checkpoint, or for the first one."""
    place = drill.folder / "small"
    is_tmpfs = _mount(place, "size=64k")
    report: dict = {"how": "tmpfs" if is_tmpfs else "RLIMIT_FSIZE"}
    for arguments in drill.selected(TRAIN, LEARN):
        name = arguments[0]
        drill.whole(drill.out(arguments, f"{name}-whole"))
        command = drill.out(arguments, f"small/{name}")
        report[name] = drill.refused(command if is_tmpfs else ["--limited", *command], "space")
        inspect(place / name)
        need(not list((place / name).glob(".*.part")), "a part was left behind")
        if is_tmpfs:
            _remount(place, "size=64m")
        drill.whole(command)
        compare(drill.folder / f"{name}-whole", place / name)
        if is_tmpfs:
            shutil.rmtree(place / name)
            _remount(place, "size=64k")
    if is_tmpfs:
        subprocess.run(["umount", str(place)], check=True)
    return report


def readonly(drill: Drill) -> dict:
    """Give commands a run folder that can be read and not written."""
    place = drill.folder / "fixed"
    if not _mount(place, "size=64m"):
        return {"left out": "no right to mount"}
    try:
        drill.whole(drill.out(TRAIN, "fixed/run"))
        before = _contents(place / "run")
        _remount(place, "ro")
        report = {
            "train": drill.refused(drill.out(TRAIN, "fixed/run")),
            "train anew": drill.refused(drill.out(TRAIN, "fixed/other")),
            "export": drill.refused(["export", str(place / "run")]),
        }
        drill.whole(["evaluate", str(place / "run")])  # reading needs no right to write
        need(before == _contents(place / "run"), "files changed")
    finally:
        subprocess.run(["umount", str(place)], check=True)
    return report


def data(drill: Drill) -> dict:
    """Remove the data set when the run should go on, and bring it back."""
    drill.whole(drill.out(TRAIN, "whole"))
    process = drill.start_until_it_prints(drill.out(TRAIN, "run"))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    away = drill.data.rename(drill.data.with_suffix(".away"))
    line = drill.refused(drill.out(TRAIN, "run"))
    inspect(drill.folder / "run")
    away.rename(drill.data)
    drill.whole(drill.out(TRAIN, "run"))
    compare(drill.folder / "whole", drill.folder / "run")
    return {"said": line}


def clock(drill: Drill) -> dict:
    """Let the wall clock jump: only time stamps may depend on it."""
    for arguments in drill.selected(TRAIN, LEARN, BENCHMARK):
        name = arguments[0]
        drill.whole(drill.out(arguments, f"{name}-whole"))
        drill.whole(drill.out(arguments, f"{name}-jumping"), DRILL_CLOCK="1")
        compare(drill.folder / f"{name}-whole", drill.folder / f"{name}-jumping")
    return {"commands": drill.commands}


def two(drill: Drill) -> dict:
    """Run two processes on one run folder: the second must be refused."""
    report = {}
    for arguments in drill.selected(TRAIN, LEARN, BENCHMARK):
        name = arguments[0]
        drill.whole(drill.out(arguments, f"{name}-whole"))
        command = drill.out(arguments, name)
        first = drill.start_until_it_prints(command)
        first.send_signal(signal.SIGSTOP)
        code, _, err = drill.run(command)
        first.send_signal(signal.SIGCONT)
        report[name] = err.strip()[-SAID:]
        in_one_line = code == 2 and err.count("\n") == 1 and "another process" in err
        need(in_one_line, f"the second ended with {code}: {err}")
        _, err = first.communicate(timeout=PATIENCE)
        need(first.returncode == 0, f"the first ended with {first.returncode}: {err}")
        compare(drill.folder / f"{name}-whole", drill.folder / name)
    return report


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def _mount(place: Path, options: str) -> bool:
    """Mount a tmpfs; False without the right to do so."""
    place.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    return subprocess.run(command, capture_output=True).returncode == 0


def _remount(place: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(place)], check=True)
