"""Break things on purpose: `python tools/drill kills --kills 60 --seed 0`; `all` runs every drill.
Linux; takes minutes.

kills       train, learn, benchmark and export killed by SIGKILL at random moments and between any two file operations, over and over;
            after each kill every file there is whole, and in the end all results equal those of an
            unbroken run
interrupt   Ctrl-C once: the batch in hand is finished and saved; twice: at once; both resume to the same bits
disk        the disk is full (a small tmpfs where one may be mounted, else a limit on file sizes)
readonly    the run folder cannot be written (needs the right to mount)
data        the data set vanishes between two runs
clock       the wall clock jumps by up to a year while training
two         a second process on one run folder is refused

Everything happens on a few drawn digits in a temporary folder. One JSON line a drill; exit code 1
when one failed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from checks import compare, inspect

HERE = Path(__file__).parent
TRAIN = [
    "train",
    "--hidden",
    "24",
    "--epochs",
    "4",
    "--batch",
    "10",
    "--threads",
    "1",
    "--quiet",
    "--resume",
    "--sleep.first-night",
    "3",
]
LEARN = ["learn", "--hidden", "24", "--epochs", "3", "--resume"]
BENCHMARK = ["benchmark", "--suite", "drill"]
PATIENCE = 300.0  # seconds a whole command may take


class Drill:
    """A temporary folder with data, and commands run in it."""

    def __init__(
        self, folder: Path, seed: int, commands: str = "train,learn,benchmark,export"
    ) -> None:
        self.commands = commands.split(",")
        self.folder, self.rng, self.data = folder, random.Random(seed), folder / "digits.npz"
        rng = np.random.default_rng(0)
        y = {"train": np.arange(700) % 10, "test": np.arange(300) % 10}
        ideal = rng.random((10, 28, 28)) < 0.2
        x = {
            split: (
                (ideal[labels] ^ (rng.random((len(labels), 28, 28)) < 0.1)).astype(np.uint8) * 255
            )
            for split, labels in y.items()
        }
        np.savez(
            self.data, train_x=x["train"], test_x=x["test"], train_y=y["train"], test_y=y["test"]
        )

    def start(self, arguments: list[str], **variables: str) -> subprocess.Popen:
        """Start a command."""
        environment = (
            os.environ
            | {"DRILL_DATA": str(self.data), "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
            | variables
        )
        command = [sys.executable, str(HERE / "program.py"), *arguments]
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=self.folder,
        )

    def run(self, arguments: list[str], **variables: str) -> tuple[int, str, str]:
        """A command to its end: exit code, output, errors."""
        process = self.start(arguments, **variables)
        out, err = process.communicate(timeout=PATIENCE)
        return process.returncode, out, err

    def whole(self, arguments: list[str], **variables: str) -> None:
        """A command that must succeed."""
        code, _, err = self.run(arguments, **variables)
        need(code == 0, f"{' '.join(arguments)} ended with {code}: {err}")

    def those(self, *commands: list[str]) -> list[list[str]]:
        """Of these commands, the ones asked for."""
        return [arguments for arguments in commands if arguments[0] in self.commands]

    def out(self, arguments: list[str], name: str) -> list[str]:
        """The command with its results under another name."""
        target = (
            f"{name}/model.nir"
            if arguments[0] == "export"
            else f"{name}/measured.jsonl"
            if arguments[0] == "benchmark"
            else name
        )
        return [*arguments, "--out", str(self.folder / target)]


def need(holds: bool, what: str) -> None:
    """Fail the drill unless something holds."""
    if not holds:
        raise AssertionError(" ".join(what.split())[:600])


def kills(drill: Drill, number: int) -> dict:
    """Kill each command a number of times in all."""
    commands = {
        "train": TRAIN,
        "learn": LEARN,
        "benchmark": BENCHMARK,
        "export": ["export", str(drill.folder / "trained")],
    }
    if "export" in drill.commands:
        drill.whole(drill.out(TRAIN, "trained"))
    shares = {
        name: share
        for name, share in zip(commands, (17, 12, 11, 10), strict=True)
        if name in drill.commands
    }
    told: dict = {"kills": 0}
    for name, share in shares.items():
        told[name] = _killed(
            drill, name, commands[name], max(1, round(number * share / sum(shares.values())))
        )
        told["kills"] += told[name]["kills"]
    return told


def _killed(drill: Drill, name: str, arguments: list[str], number: int) -> dict:
    """Kill one command `number` times, over as many runs as that takes, and compare each run with
    an unbroken one.
    """
    begun = time.monotonic()
    (drill.folder / f"{name}-whole").mkdir()
    drill.whole(drill.out(arguments, f"{name}-whole"))
    duration = time.monotonic() - begun
    done = runs = by_file = 0
    while done < number:
        runs += 1
        folder = drill.folder / f"{name}-{runs}"
        folder.mkdir()
        command = drill.out(arguments, folder.name)
        while True:
            ended, at_file = _kill_once(drill, command, folder, duration, last=done >= number)
            if ended:
                break
            done, by_file = done + 1, by_file + at_file
            inspect(folder)
        inspect(folder)
        compare(drill.folder / f"{name}-whole", folder)
    return {
        "kills": done,
        "between_file_operations": by_file,
        "runs": runs,
        "unbroken_seconds": round(duration, 1),
    }


def _kill_once(
    drill: Drill, command: list[str], folder: Path, duration: float, *, last: bool
) -> tuple[bool, bool]:
    """Run a command into its end, or kill it on the way: (ended by itself, killed between file
    operations).
    """
    if last:
        drill.whole(command)
        return True, False
    at_file = drill.rng.random() < 0.5
    number = str(drill.rng.choice((1, 2, 3, 4, 5, 6, 8, 10, 13, 17)))
    process = drill.start(
        command, **({"DRILL_KILL_AT": number, "DRILL_FOLDER": str(folder)} if at_file else {})
    )
    try:
        _, err = process.communicate(
            timeout=PATIENCE if at_file else drill.rng.uniform(0.3, 1) * duration
        )
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return False, False
    need(
        process.returncode in (0, -signal.SIGKILL),
        f"{' '.join(command)} ended with {process.returncode}: {err}",
    )
    return process.returncode == 0, at_file


def interrupt(drill: Drill) -> dict:
    """Ctrl-C, once and twice, while training and learning."""
    told = {}
    for arguments in drill.those(TRAIN, LEARN):
        name = arguments[0]
        drill.whole(drill.out(arguments, f"{name}-whole"))
        for presses in (1, 2):
            folder = drill.folder / f"{name}-{presses}"
            command = drill.out(arguments, folder.name)
            process = drill.start(command)
            # it has said what it will train
            need(bool(process.stdout and process.stdout.readline()), f"{name} says nothing")
            time.sleep(drill.rng.uniform(0.2, 0.5))
            pressed = time.monotonic()
            for _ in range(presses):
                process.send_signal(signal.SIGINT)
                time.sleep(0.001)
            out, err = process.communicate(timeout=60)
            told[f"{name}, {presses}"] = {
                "code": process.returncode,
                "seconds": round(time.monotonic() - pressed, 2),
            }
            need(
                process.returncode == 130,
                f"{name} after {presses} x Ctrl-C ended with {process.returncode}: {out} {err}",
            )
            need("Traceback" not in err, err)
            need(presses == 2 or "saved" in out, f"{name} did not say that it saved: {out} {err}")
            inspect(folder)
            drill.whole(command)
            compare(drill.folder / f"{name}-whole", folder)
    return told


def disk(drill: Drill) -> dict:
    """No space for the next checkpoint, or for the first one."""
    told: dict = {"how": "tmpfs" if _mount(drill.folder / "small", "size=64k") else "RLIMIT_FSIZE"}
    for arguments in drill.those(TRAIN, LEARN):
        name = arguments[0]
        drill.whole(drill.out(arguments, f"{name}-whole"))
        command = drill.out(arguments, f"small/{name}")
        if told["how"] == "tmpfs":
            code, _, err = drill.run(command)
        else:
            code, _, err = drill.run(["--limited", *command])
        told[name] = err.strip()[-200:]
        need(
            code == 2 and err.count("\n") == 1 and "space" in err,
            f"{name} on a full disk ended with {code}: {err}",
        )
        inspect(drill.folder / "small" / name)
        need(not list((drill.folder / "small" / name).glob(".*.part")), "a part was left behind")
        if told["how"] == "tmpfs":
            subprocess.run(
                ["mount", "-o", "remount,size=64m", str(drill.folder / "small")], check=True
            )
        drill.whole(command)
        compare(drill.folder / f"{name}-whole", drill.folder / "small" / name)
        if told["how"] == "tmpfs":
            shutil.rmtree(drill.folder / "small" / name)
            subprocess.run(
                ["mount", "-o", "remount,size=64k", str(drill.folder / "small")], check=True
            )
    if told["how"] == "tmpfs":
        subprocess.run(["umount", str(drill.folder / "small")], check=True)
    return told


def readonly(drill: Drill) -> dict:
    """A run folder that can be read and not written."""
    place = drill.folder / "fixed"
    if not _mount(place, "size=64m"):
        return {"left out": "no right to mount"}
    try:
        drill.whole(drill.out(TRAIN, "fixed/run"))
        before = {
            path.name: path.read_bytes() for path in (place / "run").iterdir() if path.is_file()
        }
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        told = {}
        for arguments in (
            drill.out(TRAIN, "fixed/run"),
            drill.out(TRAIN, "fixed/other"),
            ["export", str(place / "run")],
        ):
            code, _, err = drill.run(arguments)
            told[arguments[0] + (" anew" if arguments[-1].endswith("other") else "")] = err.strip()[
                -200:
            ]
            need(code == 2 and err.count("\n") == 1, f"{arguments} ended with {code}: {err}")
        drill.whole(["evaluate", str(place / "run")])  # reading asks for no right to write
        need(
            before
            == {
                path.name: path.read_bytes() for path in (place / "run").iterdir() if path.is_file()
            },
            "files changed",
        )
    finally:
        subprocess.run(["umount", str(place)], check=True)
    return told


def data(drill: Drill) -> dict:
    """The data set is gone when the run should go on, and comes back."""
    drill.whole(drill.out(TRAIN, "whole"))
    process = drill.start(drill.out(TRAIN, "run"))
    need(bool(process.stdout and process.stdout.readline()), "train says nothing")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    drill.data.rename(drill.data.with_suffix(".away"))
    code, _, err = drill.run(drill.out(TRAIN, "run"))
    need(code == 2 and err.count("\n") == 1, f"train without data ended with {code}: {err}")
    inspect(drill.folder / "run")
    drill.data.with_suffix(".away").rename(drill.data)
    drill.whole(drill.out(TRAIN, "run"))
    compare(drill.folder / "whole", drill.folder / "run")
    return {"said": err.strip()[-200:]}


def clock(drill: Drill) -> dict:
    """Nothing but time stamps looks at the wall clock."""
    for arguments in drill.those(TRAIN, LEARN, BENCHMARK):
        for name, variables in (("whole", {}), ("jumping", {"DRILL_CLOCK": "1"})):
            drill.whole(drill.out(arguments, f"{arguments[0]}-{name}"), **variables)
        compare(drill.folder / f"{arguments[0]}-whole", drill.folder / f"{arguments[0]}-jumping")
    return {"commands": drill.commands}


def two(drill: Drill) -> dict:
    """Two processes on one run."""
    told = {}
    for arguments in drill.those(TRAIN, LEARN, BENCHMARK):
        drill.whole(drill.out(arguments, f"{arguments[0]}-whole"))
        command = drill.out(arguments, arguments[0])
        first = drill.start(command)
        need(bool(first.stdout and first.stdout.readline()), "the first says nothing")
        first.send_signal(signal.SIGSTOP)
        code, _, err = drill.run(command)
        first.send_signal(signal.SIGCONT)
        told[arguments[0]] = err.strip()[-200:]
        need(
            code == 2 and err.count("\n") == 1 and "another process" in err,
            f"the second ended with {code}: {err}",
        )
        _, err = first.communicate(timeout=PATIENCE)
        need(first.returncode == 0, f"the first ended with {first.returncode}: {err}")
        compare(drill.folder / f"{arguments[0]}-whole", drill.folder / arguments[0])
    return told


def _mount(place: Path, options: str) -> bool:
    place.mkdir(exist_ok=True)
    return (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True
        ).returncode
        == 0
    )


DRILLS: dict[str, Callable[..., dict]] = {
    "kills": kills,
    "interrupt": interrupt,
    "disk": disk,
    "readonly": readonly,
    "data": data,
    "clock": clock,
    "two": two,
}


def main() -> int:
    """Run the drills named on the command line."""
    parser = argparse.ArgumentParser(
        prog="drill", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("drill", choices=[*DRILLS, "all"])
    parser.add_argument(
        "--kills",
        type=int,
        default=12,
        help="of the drill of this name, in all (default: %(default)s)",
    )
    parser.add_argument(
        "--commands",
        default="train,learn,benchmark,export",
        help="to drill, with commas between (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    failed = 0
    for name in DRILLS if options.drill == "all" else [options.drill]:
        begun = time.monotonic()
        told: dict = {"drill": name, "seed": options.seed, "passed": True}
        with tempfile.TemporaryDirectory(prefix="biograd-drill-") as folder:
            drill = Drill(Path(folder), options.seed, options.commands)
            try:
                told |= (
                    DRILLS[name](drill, options.kills) if name == "kills" else DRILLS[name](drill)
                )
            except (AssertionError, ValueError, OSError, subprocess.SubprocessError) as error:
                failed += 1
                told |= {"passed": False, "error": f"{type(error).__name__}: {error}"}
        print(json.dumps(told | {"seconds": round(time.monotonic() - begun, 1)}), flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.exit(main())
