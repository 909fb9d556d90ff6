"""Feed damaged files to a reader: `python tools/fuzz READER --inputs 100000 --seed 0`.

With `all` every reader is fuzzed. A reader passes when it reads every input, or refuses it by a
ValueError or OSError of one printable line, within ten seconds and 200 MB, without opening a file
outside its folder, starting a program, or crashing. A separate process does the reading, so that
crashes and hangs of C libraries are counted. Input NUMBER of SEED is always the same: `--show
NUMBER` writes it to a file. Exit code 1 when anything failed. Linux.
"""

from __future__ import annotations

import argparse
import json
import mmap
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
PATIENCE = 10.0  # seconds for one input, and for the libraries to load: ten times that
MAX_ENDED = 50  # crashes and hangs of one reader, after which its fuzzing stops
NAMES = (
    *("model", "foreign", "spikes", "result", "fixed", "netx", "learning", "checkpoint", "config"),
    *("idx", "pickle", "records", "measurements", "events", "event-archive", "event-trains"),
)
COUNTS = ("read", "refused", "failed")


def main() -> int:
    """Fuzz the readers named on the command line."""
    options = _parser().parse_args()
    if options.show is not None:
        return _show(options.reader, options.seed, options.show)
    failed = 0
    for name in NAMES if options.reader == "all" else [options.reader]:
        report = fuzz(name, options.inputs, options.seed)
        faults = report.pop("faults")
        failed += len(faults)
        print(json.dumps(report), flush=True)
        for fault in faults[:20]:
            print(f"  {name} {options.seed} {fault['number']}: {fault['fault']}", flush=True)
    return int(failed > 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("reader", choices=[*NAMES, "all"])
    parser.add_argument("--inputs", type=int, default=1000, help="(default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="(default: %(default)s)")
    parser.add_argument(
        "--show",
        type=int,
        metavar="NUMBER",
        help="write this input to ./READER-SEED-NUMBER instead",
    )
    return parser


def fuzz(name: str, inputs: int, seed: int) -> dict:
    """Read `inputs` damaged files; a reader that crashes or hangs is restarted after that input."""
    total: dict = {"reader": name, "seed": seed, "inputs": inputs}
    total |= {**dict.fromkeys(COUNTS, 0), "crashed": 0, "hung": 0, "slowest": 0.0, "memory": 0}
    start, first = time.monotonic(), 0
    with tempfile.TemporaryDirectory(prefix="biograd-fuzz-") as folder:
        position, failures = Path(folder) / "position", Path(folder) / "failures"
        failures.touch()
        while first < inputs:
            position.write_bytes(bytes(64))
            tally, number, reason = _run(name, seed, first, inputs, position, failures)
            for key in COUNTS:
                total[key] += tally.get(key, 0)
            for key in ("slowest", "memory"):
                total[key] = max(total[key], tally.get(key, 0))
            if reason:
                total["hung" if reason == "hung" else "crashed"] += 1
                with open(failures, "a", encoding="utf-8") as file:
                    file.write(json.dumps({"number": number, "fault": reason}) + "\n")
                if total["crashed"] + total["hung"] >= MAX_ENDED:
                    break
            first = number + 1
        faults = [json.loads(line) for line in failures.read_text(encoding="utf-8").splitlines()]
    total["seconds"] = round(time.monotonic() - start, 1)
    total["slowest"] = round(total["slowest"], 4)
    return total | {"faults": faults}


def _run(
    name: str, seed: int, first: int, last: int, position: Path, failures: Path
) -> tuple[dict, int, str]:
    """Run one child.

    Returns: its tally (only the counts when it died), its last input, and the reason why it ended
    early, or "".
    """
    arguments = [name, *map(str, (seed, first, last, position, failures))]
    command = [sys.executable, "-W", "ignore", str(HERE / "child.py"), *arguments]
    with open(position, "r+b") as file, mmap.mmap(file.fileno(), 64) as place:
        place[:8] = first.to_bytes(8, "little")
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        current, since, patience = first, time.monotonic(), 10 * PATIENCE
        while True:
            try:
                out, err = child.communicate(timeout=0.5)
                break
            except subprocess.TimeoutExpired:
                number = int.from_bytes(place[:8], "little")
                if number != current:
                    current, since, patience = number, time.monotonic(), PATIENCE
                elif time.monotonic() - since > patience:
                    child.kill()
                    child.communicate()
                    return _tally(place), current, "hung"
        number, has_begun, tally = int.from_bytes(place[:8], "little"), place[16], _tally(place)
    if child.returncode and not has_begun:
        raise RuntimeError(f"the reader {name} cannot be started: {err.strip()[-1000:]}")
    if child.returncode == 0:
        return json.loads(out.splitlines()[-1]), last, ""
    return tally, number, f"ended with status {child.returncode}: {' '.join(err.split())[-300:]}"


def _tally(place: mmap.mmap) -> dict[str, int]:
    """Return the counts that a child keeps in shared memory."""
    return {
        key: int.from_bytes(place[24 + 8 * at : 32 + 8 * at], "little")
        for at, key in enumerate(COUNTS)
    }


def _show(name: str, seed: int, number: int) -> int:
    sys.path.insert(0, str(HERE))
    import child
    import readers

    path = Path(f"{name}-{seed}-{number}")
    path.write_bytes(child.make(readers.READERS[name](), seed, number))
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
