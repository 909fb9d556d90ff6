"""The process that reads: every input in a fresh file, watched for what a reader must never do.

`__main__` starts it and watches it from outside, so that a crash or a hang is noticed there.
"""

from __future__ import annotations

import json
import mmap
import os
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

import readers

MEMORY = 200_000_000  # bytes that reading one small file may take at its peak
ADDRESS_SPACE = 4 << 30  # bytes this process may take beyond its libraries
_FORBIDDEN = (
    *("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen"),
    *("pickle.find_class", "socket.", "ctypes.dlopen"),
)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Watch:
    """Records every forbidden event while it is on: files opened outside, programs started, classes
    unpickled.
    """

    def __init__(self, folder: Path) -> None:
        self.on, self.events = False, []
        self.writable = (str(folder),)
        libraries = (sys.prefix, sys.base_prefix, str(Path(__file__).parents[2]))
        self.readable = (*self.writable, *libraries, "/proc/self", "/dev/null")
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple) -> None:
        if not self.on:
            return
        if event.startswith(_FORBIDDEN):
            self.events.append(f"{event} {arguments}"[:200])
        elif event == "open" and isinstance(arguments[0], str | bytes):
            path, flags = os.path.abspath(os.fsdecode(arguments[0])), arguments[2] or 0
            if not path.startswith(self.writable if flags & _WRITES else self.readable):
                self.events.append(f"open {path!r}")


def main(name: str, seed: int, first: int, last: int, position: Path, failures: Path) -> None:
    """Read inputs first .. last - 1.

    The number of the current input is written to `position`, a JSON object per fault to `failures`.
    """
    with open(position, "r+b") as file:
        place = mmap.mmap(file.fileno(), 64)
    with tempfile.TemporaryDirectory(prefix="biograd-fuzz-") as name_of_folder:
        folder = Path(name_of_folder)
        reader = readers.READERS[name]()
        watch = Watch(folder)
        for content in reader.seeds:  # imports the late imports, and shows that the seeds are whole
            reader.read(reader.put(folder, content))
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + ADDRESS_SPACE, size + ADDRESS_SPACE))
        tally = {"read": 0, "refused": 0, "failed": 0, "slowest": 0.0, "memory": 0}
        parent = os.getppid()
        for number in range(first, last):
            if os.getppid() != parent:  # the parent has ended
                return
            place[:8], place[16] = number.to_bytes(8, "little"), 1
            fault = _try(reader, folder, make(reader, seed, number), watch, tally)
            tally["failed"] += bool(fault)
            # Kept outside this process, which the next input may end.
            for at, key in enumerate(("read", "refused", "failed")):
                place[24 + 8 * at : 32 + 8 * at] = tally[key].to_bytes(8, "little")
            if fault:
                with open(failures, "a", encoding="utf-8") as file:
                    file.write(json.dumps({"number": number, "fault": fault}) + "\n")
        print(json.dumps(tally), flush=True)


def make(reader: readers.Reader, seed: int, number: int) -> bytes:
    """Return input `number` of a seed."""
    rng = random.Random(f"{seed}:{number}")
    content = rng.choice(reader.seeds)
    try:
        return rng.choice(reader.mutations)(rng, content, reader.seeds, reader.words)
    # Where the mutation is impossible: e.g. a zip without a second member to damage.
    except (ValueError, KeyError, IndexError, OSError, RuntimeError, UnicodeError):
        return content[: rng.randrange(len(content))]


def _try(reader: readers.Reader, folder: Path, content: bytes, watch: Watch, tally: dict) -> str:
    """Return what the reader did wrong, or ""."""
    path = reader.put(folder, content)
    files = sorted(os.listdir(folder))
    before = _peak(reset=True)
    start, outcome, fault = time.perf_counter(), "read", ""
    watch.on = True
    try:
        reader.read(path)
    except (ValueError, OSError) as error:
        outcome, text = "refused", str(error)
        if not text.isprintable() or not text:
            fault = f"a message that is no printable line: {text!r}"
    except BaseException as error:
        outcome, fault = "refused", f"{type(error).__name__}: {error}"
    finally:
        watch.on = False
    tally[outcome] += 1
    tally["slowest"] = max(tally["slowest"], time.perf_counter() - start)
    taken = _peak() - before
    tally["memory"] = max(tally["memory"], taken)
    if taken > MEMORY:
        fault = f"took {taken:,} bytes of memory"
    if watch.events:
        fault, watch.events = f"left its folder or ran something: {watch.events}", []
    if (now := sorted(os.listdir(folder))) != files:
        fault = f"left files behind: {now}"
    return " ".join(fault.split())[:400]


def _peak(reset: bool = False) -> int:
    """Return the peak of this process's memory since the last reset, bytes."""
    if reset:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    return 0


if __name__ == "__main__":
    _name, *_numbers = sys.argv[1:5]
    main(_name, *map(int, _numbers), Path(sys.argv[5]), Path(sys.argv[6]))
