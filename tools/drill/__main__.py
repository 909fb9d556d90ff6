"""Break things on purpose: `python tools/drill kills --kills 60 --seed 0`; `all` runs every drill.
Linux; takes minutes.

kills       train, learn, benchmark and export killed by SIGKILL at random moments and between any
            two file operations, repeatedly; after each kill every file is whole, and in the end all
            results equal those of an unbroken run
interrupt   Ctrl-C once: the current batch is finished and saved; twice: at once; both resume to the
            same bits
disk        the disk is full (a small tmpfs where one may be mounted, else a limit on file sizes)
readonly    the run folder cannot be written (needs the right to mount)
data        the data set vanishes between two runs
clock       the wall clock jumps by up to a year while training
two         a second process on one run folder is refused

Everything happens on a few drawn digits in a temporary folder. One JSON line per drill; exit code 1
when one failed.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from commands import Drill
from faults import clock, data, disk, interrupt, readonly, two
from kills import kills

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
    options = _parser().parse_args()
    failed = 0
    for name in DRILLS if options.drill == "all" else [options.drill]:
        start = time.monotonic()
        report: dict = {"drill": name, "seed": options.seed, "passed": True}
        with tempfile.TemporaryDirectory(prefix="biograd-drill-") as folder:
            drill = Drill(Path(folder), options.seed, options.commands)
            arguments = (options.kills,) if name == "kills" else ()
            try:
                report |= DRILLS[name](drill, *arguments)
            except (AssertionError, ValueError, OSError, subprocess.SubprocessError) as error:
                failed += 1
                report |= {"passed": False, "error": f"{type(error).__name__}: {error}"}
        print(json.dumps(report | {"seconds": round(time.monotonic() - start, 1)}), flush=True)
    return int(failed > 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="drill", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("drill", choices=[*DRILLS, "all"])
    parser.add_argument(
        "--kills", type=int, default=12, help="in total, of that drill (default: %(default)s)"
    )
    parser.add_argument(
        "--commands",
        default="train,learn,benchmark,export",
        help="to drill, separated by commas (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="(default: %(default)s)")
    return parser


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.exit(main())
