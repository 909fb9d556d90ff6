"""The process that makes the calls; started by `__main__`, which sees from outside what kills or
blocks it.
"""

from __future__ import annotations

import json
import mmap
import os
import resource
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import torch

SIZE = 512  # bytes of the position: index, 8; begun, 1; the mutations as text
ADDRESS_SPACE = 3 << 30  # bytes beyond what the libraries hold already


def prepare(folder: Path) -> None:
    """Import the cases, keep them off the network, and work in a folder of its own."""
    tempfile.tempdir = str(folder)
    os.chdir(folder)
    os.environ["BIOGRAD_DATA"] = str(folder / "data")
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    import cases

    cases.callbacks.replace_tensorboard()
    cases.data.replace_downloads()
    sys.addaudithook(_stay_offline)


def _stay_offline(event: str, arguments: tuple) -> None:
    if event == "socket.connect":
        raise OSError("no network in this test")


def announce(place: mmap.mmap) -> Callable[[str], None]:
    """A function that writes the mutations of the running call where they outlive the process."""

    def write(text: str) -> None:
        place[9:] = text.encode()[: SIZE - 9].ljust(SIZE - 9, b"\0")

    return write


def main(position: Path, plan: Path, results: Path, seed: int) -> None:
    """Make the calls of the file `plan`, one [index, name, number] per line; its index stands in
    `position` while a call lasts, and its verdict goes to `results`.
    """
    with tempfile.TemporaryDirectory(prefix="biograd-misuse-") as name:
        prepare(Path(name))
        import verdict as judges

        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + ADDRESS_SPACE, size + ADDRESS_SPACE))
        parent, lines = os.getppid(), plan.read_text().splitlines()
        with (
            open(position, "r+b") as file,
            mmap.mmap(file.fileno(), SIZE) as place,
            open(results, "a") as out,
        ):
            for line in lines:
                index, case, number = json.loads(line)
                place[:] = (index.to_bytes(8, "little") + b"\1").ljust(SIZE, b"\0")
                choice, verdict = judges.judge(case, seed, number, announce(place))
                record = {"index": index, "mutation": choice.text, **verdict._asdict()}
                out.write(json.dumps(record) + "\n")
                out.flush()
                if os.getppid() != parent:  # nobody listens any more
                    return


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
