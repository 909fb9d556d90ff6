"""Call every public callable with wrong arguments: `python tools/misuse --calls 20000 --seed 0`.

Each call takes a valid set of arguments and damages none, one or two of them: sizes, orders of
axes, dtypes, containers, values, objects of another kind. It passes when it is refused by a clear
ValueError or TypeError, or returns what it should (see `verdict`). The calls run in processes of
their own, so that a crash or a hang is counted, not suffered. Call NUMBER of a callable and a seed
is always the same: `--only NAME --show NUMBER` makes it here, and prints its arguments and the
traceback. Exit code 1 when anything failed. Linux.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT)]
SIZE = 512  # bytes of a child's position, see `child.SIZE`
PATIENCE = 20.0  # seconds for one call; ten times that to load, and where loops are compiled
CLEAN = "nothing changed"  # the mutations of a valid call, in words
VERDICTS = ("right", "refused", "inner", "silent", "barred", "crash", "hang")
FAULTS = VERDICTS[2:]
Fault = dict[str, Any]  # any: JSON


def main() -> int:
    """Make the calls that the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="misuse", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", help="callables, or the starts of their names"
    )
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument(
        "--bounds",
        action="store_true",
        help="let compiled loops check every index (slow at first: all are compiled again)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write counts and faults here")
    parser.add_argument("--show", type=int, metavar="NUMBER", help="make this one call, here")
    options = parser.parse_args()
    import cases  # takes the seconds that torch takes
    from case import CASES, planned

    names = []
    for start in options.only or [""]:
        chosen = [start] if start in CASES else [n for n in CASES if n.startswith(start)]
        if not chosen:
            parser.exit(2, f"no case is called {start!r}; known: {', '.join(CASES)}\n")
        names += chosen
    if options.show is not None:
        return _show(names[0], options.seed, options.show)
    if options.bounds:
        os.environ["NUMBA_BOUNDSCHECK"] = "1"
        os.environ["NUMBA_CACHE_DIR"] = str(Path(tempfile.gettempdir()) / "biograd-misuse-bounds")
    report = misuse(planned(options.calls, names), options.seed, options.processes)
    report["uncovered"] = cases.uncovered()
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    _print(report)
    return int(any(report["verdicts"][verdict] for verdict in FAULTS) or bool(report["uncovered"]))


def _show(name: str, seed: int, number: int) -> int:
    import child

    with tempfile.TemporaryDirectory(prefix="biograd-misuse-") as folder:
        child.prepare(Path(folder))
        import verdict

        verdict.show(name, seed, number)
    return 0


def misuse(plan: list[tuple[str, int]], seed: int, processes: int = 1) -> dict[str, Any]:
    """Make planned calls: counts per verdict and callable, and the distinct faults."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="biograd-misuse-") as folder:
        workers = [
            Worker(Path(folder), at, plan, seed, processes)
            for at in range(min(processes, len(plan)))
        ]
        while [worker for worker in workers if worker.watch()]:
            time.sleep(0.05)
        results = [result for worker in workers for result in worker.results()]
        for result in [result for result in results if result["verdict"] == "crash"][:20]:
            result["kind"] += _alone(Path(folder), plan, result["index"], seed)
    results.sort(key=lambda result: result["index"])
    per_callable: dict[str, Counter[str]] = {}
    for result in results:
        result["callable"], result["number"] = plan[result.pop("index")]
        per_callable.setdefault(result["callable"], Counter())[result["verdict"]] += 1
    total = sum(per_callable.values(), Counter())
    return {
        "calls": len(results),
        "seed": seed,
        "seconds": round(time.monotonic() - start, 1),
        "verdicts": {verdict: total[verdict] for verdict in VERDICTS},
        "callables": {name: dict(counts) for name, counts in sorted(per_callable.items())},
        "faults": _distinct(results, seed),
    }


def _alone(folder: Path, plan: list[tuple[str, int]], index: int, seed: int) -> str:
    """Return whether a crashed call crashes by itself, or an earlier one broke the memory."""
    worker = Worker(folder, index, plan[index : index + 1], seed, 0)
    while worker.watch():
        time.sleep(0.05)
    return "" if worker.results()[-1]["verdict"] == "crash" else ", after other calls alone"


def _distinct(results: list[Fault], seed: int) -> list[Fault]:
    """The first fault of each kind, with how often it came; single mutations before pairs."""
    faults: dict[tuple[str, ...], Fault] = {}
    wrong = [result for result in results if result["verdict"] in FAULTS]
    explained = set()
    for fault in sorted(wrong, key=lambda fault: " and " in fault["mutation"]):
        parts = fault["mutation"].split(" and ")
        if len(parts) == 1:
            explained.add((fault["callable"], parts[0]))
        elif any((fault["callable"], part) in explained for part in parts):
            continue
        key = tuple(fault[name] for name in ("callable", "mutation", "verdict", "kind", "place"))
        if key in faults:
            faults[key]["times"] += 1
            continue
        command = f"python tools/misuse --only {fault['callable']!r}"
        faults[key] = fault | {
            "times": 1,
            "reproduce": f"{command} --seed {seed} --show {fault['number']}",
        }
    return list(faults.values())


class Worker:
    """A child process and its share of the plan; started again behind a call that kills it."""

    def __init__(
        self, folder: Path, at: int, plan: list[tuple[str, int]], seed: int, processes: int
    ) -> None:
        self.position, self.file = folder / f"position-{at}", folder / f"results-{at}"
        self.todo, self.errors = folder / f"plan-{at}", folder / f"errors-{at}"
        self.file.touch()
        self.seed, self.plan = seed, plan
        self.left = list(range(len(plan)))[at::processes] if processes else [0]
        self.since, self.seen, self.patience = time.monotonic(), -1, 10 * PATIENCE
        self.child: subprocess.Popen[bytes] | None = None
        self._start()

    def _start(self) -> None:
        self.position.write_bytes(bytes(SIZE))
        lines = (json.dumps([index, *self.plan[index]]) + "\n" for index in self.left)
        self.todo.write_text("".join(lines))
        command = [sys.executable, "-W", "ignore", str(HERE / "child.py")]
        command += [str(self.position), str(self.todo), str(self.file), str(self.seed)]
        environment = os.environ | {
            "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}",
            "OMP_NUM_THREADS": "1",
            "NUMBA_NUM_THREADS": "1",
        }
        with open(self.errors, "wb") as errors:
            self.child = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=errors, env=environment
            )
        self.since, self.seen, self.patience = time.monotonic(), -1, 10 * PATIENCE

    def watch(self) -> bool:
        """Look after the child; whether it still runs."""
        if self.child is None:
            return False
        place = self.position.read_bytes()
        number, begun = int.from_bytes(place[:8], "little"), bool(place[8])
        mutation = place[9:].rstrip(b"\0").decode(errors="replace")
        if self.child.poll() is not None:
            code = self.child.returncode
            self.child = None
            if code == 0:
                return False
            text = " ".join(self.errors.read_text(errors="replace").split())[-300:]
            if not begun:
                raise RuntimeError(f"the calls cannot be started: {text}")
            self._went_down(number, mutation, "crash", f"status {code}", text)
        elif begun and number != self.seen:
            compiles = mutation in ("", CLEAN) or "NUMBA_BOUNDSCHECK" in os.environ
            self.since, self.seen = time.monotonic(), number
            self.patience = 10 * PATIENCE if compiles else PATIENCE
        elif time.monotonic() - self.since > self.patience:
            self.child.kill()
            self.child.wait()
            self.child = None
            self._went_down(number, mutation, "hang", "", f"no end after {PATIENCE:g} s")
        return self.child is not None

    def _went_down(self, index: int, mutation: str, verdict: str, kind: str, message: str) -> None:
        result = {"index": index, "mutation": mutation, "verdict": verdict, "kind": kind}
        with open(self.file, "a") as file:
            file.write(json.dumps(result | {"message": message, "place": ""}) + "\n")
        self.left = self.left[self.left.index(index) + 1 :]
        if self.left:
            self._start()

    def results(self) -> list[Fault]:
        """The verdicts of all calls."""
        return [json.loads(line) for line in self.file.read_text().splitlines()]


def _print(report: dict[str, Any]) -> None:
    for name, counts in report["callables"].items():
        print(
            f"{name:40}",
            *(f"{verdict} {counts[verdict]}" for verdict in VERDICTS if verdict in counts),
        )
    for fault in report["faults"]:
        head = " ".join(fault["message"].split())[:160]
        where = f"{fault['kind']} at {fault['place']}" if fault["place"] else fault["kind"]
        print(f"{fault['verdict']}: {fault['callable']} [{fault['mutation']}] {where}: {head}")
        print(f"    {fault['reproduce']}")
    if report["uncovered"]:
        print(f"no case calls {', '.join(report['uncovered'])}: write one in tools/misuse/cases")
    counts = ", ".join(f"{verdict} {n:,}" for verdict, n in report["verdicts"].items())
    print(f"{report['calls']:,} calls in {report['seconds']:g} s: {counts}")


if __name__ == "__main__":
    sys.exit(main())
