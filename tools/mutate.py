"""Change the code a little, many times, and see whether a test notices: `python tools/mutate.py
biograd/traces.py --resume traces.jsonl`.

A mutant differs from the file in one place: an operator, a comparison, a number, a condition. It is
killed when a test fails or takes too
long, and survives when all pass: then either a test is missing, or the change means nothing.
    Messages of errors, docstrings and types are
left alone. Without `--sample`, all mutants are tried.

Works on a copy of a commit, so that the tree may be edited meanwhile. Each mutant is tested in a
fork of one process that has imported torch and numba already, and the tests that killed most so
far, for their time, go first. With `--resume` every outcome is a JSON line in a file; the same
command again goes on where the last one ended, and with `--again` it repeats what had survived,
with the tests of the newest commit. Linux.
"""

from __future__ import annotations

import argparse
import ast
import copy
import hashlib
import importlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = {
    "biograd/neurons.py": [
        "tests/sim/test_neurons.py",
        "tests/sim/kernels/test_scans.py",
        "tests/sim/test_network.py",
    ],
    "biograd/traces.py": [
        "tests/sim/test_traces.py",
        "tests/sim/kernels/test_scans.py",
        "tests/sim/test_rules.py",
    ],
    "biograd/rules.py": ["tests/sim/test_rules.py"],
    "biograd/sleep.py": ["tests/sim/test_sleep.py", "tests/sim/kernels/test_scans.py"],
    "hardware/emulator.py": ["tests/hardware/test_emulator.py", "tests/hardware/test_manual.py"],
    "hardware/emulator_loop.py": [
        "tests/hardware/test_emulator.py",
        "tests/hardware/test_manual.py",
    ],
    "hardware/fixed_point.py": [
        "tests/hardware/test_fixed_point.py",
        "tests/hardware/border/test_round_trips.py",
    ],
}
_OPERATORS: dict[type, list[type]] = {
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div],
    ast.Div: [ast.Mult],
    ast.FloorDiv: [ast.Mult],
    ast.Mod: [ast.Mult],
    ast.Pow: [ast.Mult],
    ast.LShift: [ast.RShift],
    ast.RShift: [ast.LShift],
    ast.BitAnd: [ast.BitOr],
    ast.BitOr: [ast.BitAnd],
    ast.MatMult: [],
    ast.Lt: [ast.LtE, ast.Gt],
    ast.LtE: [ast.Lt, ast.Gt],
    ast.Gt: [ast.GtE, ast.Lt],
    ast.GtE: [ast.Gt, ast.Lt],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
    ast.And: [ast.Or],
    ast.Or: [ast.And],
}
_HEAVY = (
    "numpy",
    "numba",
    "torch",
    "snntorch",
    "nir",
    "safetensors",
    "h5py",
    "pytest",
    "hypothesis",
    "beartype",
    "jaxtyping",
)
# compiled loops that are tried as plain Python: compiling takes longer than all tests
_INTERPRETED = ("hardware/emulator_loop.py",)
_MEMORY = 8 << 30  # bytes a mutant's tests may take


@dataclass
class Tests:
    """What is known of a file's tests: how long each takes, and how many mutants it was the first
    to kill.
    """

    files: list[str]
    seconds: dict[str, float] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)

    def turn(self, test: str) -> float:
        """Place in the queue: kills a second, of this test and, counted less, of its like (one
        parametrised test).
        """
        like = sum(
            kills
            for other, kills in self.kills.items()
            if other.partition("[")[0] == test.partition("[")[0]
        )
        return -(self.kills[test] + 0.1 * like + 0.01) / (self.seconds.get(test, 1.0) + 0.02)


class Watcher:
    """A plugin of pytest in the forked process: orders the tests, and remembers the first that
    failed and the time each took.
    """

    def __init__(self, tests: Tests) -> None:
        self.tests, self.seconds, self.failed = tests, Counter[str](), ""

    def pytest_configure(self) -> None:
        """Failing examples need not be made small: that can take longer than all tests."""
        import hypothesis

        phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
        hypothesis.settings.register_profile(
            "mutate", parent=hypothesis.settings(), phases=phases, report_multiple_bugs=False
        )
        hypothesis.settings.load_profile("mutate")

    def pytest_collection_modifyitems(self, items: list) -> None:
        items.sort(key=lambda item: self.tests.turn(item.nodeid))

    def pytest_runtest_logreport(self, report) -> None:
        self.seconds[report.nodeid] += report.duration
        if report.failed and not self.failed:
            self.failed = report.nodeid


def mutants(source: str) -> Iterator[tuple[int, str, str]]:
    """Every mutant of a module: (line, what changed, new source)."""
    tree = ast.parse(source)
    for node in _code(tree):
        for change, undo, what in _changes(node):
            before = copy.copy(node.__dict__)
            change()
            text = ast.unparse(tree)
            node.__dict__.update(before)
            undo()
            yield getattr(node, "lineno", 0), what, text


def _code(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that compute: no docstrings, annotations, error messages or texts."""
    for name, value in ast.iter_fields(tree):
        if name in ("annotation", "returns", "decorator_list") or isinstance(
            tree, ast.Raise | ast.JoinedStr | ast.Assert
        ):
            continue
        for node in value if isinstance(value, list) else [value]:
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                continue
            if isinstance(node, ast.AST):
                yield node
                yield from _code(node)


def _changes(node: ast.AST) -> Iterator[tuple]:
    """(do it, undo what is not in the node's own fields, name) for each way to change a node."""

    def put(field: str, value: object):
        return lambda: setattr(node, field, value)

    def nothing() -> None:
        return None

    if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp):
        for other in _OPERATORS.get(type(node.op), []):
            yield put("op", other()), nothing, f"{type(node.op).__name__} -> {other.__name__}"
    elif isinstance(node, ast.Compare):
        for index, op in enumerate(node.ops):
            for other in _OPERATORS.get(type(op), []):
                ops = [*node.ops[:index], other(), *node.ops[index + 1 :]]
                yield put("ops", ops), nothing, f"{type(op).__name__} -> {other.__name__}"
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield put("value", not node.value), nothing, f"{node.value} -> {not node.value}"
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        for other in (
            (node.value + 1, node.value - 1)
            if isinstance(node.value, int)
            else (node.value * 2 + 0.5,)
        ):
            yield put("value", other), nothing, f"{node.value} -> {other}"
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        new = ast.UAdd() if isinstance(node.op, ast.USub) else None
        if new:
            yield put("op", new), nothing, "-x -> x"
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        yield put("test", ast.UnaryOp(ast.Not(), node.test)), nothing, "condition negated"


def main() -> int:
    """Try mutants of the files named on the command line; exit code 1 where fewer than nine in ten
    were killed.
    """
    parser = argparse.ArgumentParser(
        prog="mutate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "files", nargs="*", default=list(TESTS), help=f"of {', '.join(TESTS)} (default: all)"
    )
    parser.add_argument(
        "--sample", type=int, help="try only so many of each file, drawn by the seed"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--deadline",
        type=float,
        default=20.0,
        help="processor seconds a mutant may take (or 5 times all tests)",
    )
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="FILE.jsonl",
        help="write each outcome there; skip what it holds already",
    )
    parser.add_argument(
        "--again",
        action="store_true",
        help="with --resume: try the survivors it holds once more, and nothing else",
    )
    parser.add_argument(
        "--commit",
        default="HEAD",
        help="of this repository, whose code and tests are tried (default: the newest)",
    )
    options = parser.parse_args()
    for name in options.files:
        if name not in TESTS:
            parser.error(f"no tests are named for {name}; known: {', '.join(TESTS)}")
    if options.again and not options.resume:
        parser.error("--again needs --resume: the file that says what survived")
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    for heavy in _HEAVY:
        with suppress(ImportError):
            importlib.import_module(heavy)
    all_killed = all_tried = 0
    with tempfile.TemporaryDirectory(prefix="biograd-mutate-") as folder:
        commit = subprocess.run(
            ["git", "rev-parse", "--verify", options.commit + "^{commit}"],
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
        ).stdout.strip()
        archive = subprocess.run(
            ["git", "archive", commit], cwd=ROOT, capture_output=True, check=True
        ).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        for name in options.files:
            killed, tried = _try_file(Path(folder), name, commit, options)
            all_killed, all_tried = all_killed + killed, all_tried + tried
    return int(all_killed < 0.9 * all_tried)


def _try_file(folder: Path, name: str, commit: str, options: argparse.Namespace) -> tuple[int, int]:
    """Try the mutants of one file that are still to be tried, and print what came of all; (killed,
    tried).
    """
    path, begun, tests = folder / name, time.monotonic(), Tests(TESTS[name])
    source = path.read_text(encoding="utf-8")
    state = hashlib.sha256(source.encode()).hexdigest()[:12]
    every = list(mutants(source))
    chosen = sorted(
        random.Random(options.seed).sample(
            range(len(every)), min(options.sample or len(every), len(every))
        )
    )
    known = _known(options.resume, name, state)
    if options.again:
        chosen = sorted(known)
        waiting = [index for index in chosen if known[index] == "survived"]
    else:
        waiting = [index for index in chosen if index not in known]
    untouched = 0.0
    # the first compiles, the second tells how long the tests take
    for _ in range(2 if waiting else 0):
        before = _processor_seconds()
        outcome, by = _outcome(folder, name, tests, 60 * options.deadline)
        if outcome != "survived":
            raise SystemExit(
                f"the tests of {name} fail as it is ({by or outcome}): mend them first"
            )
        untouched = _processor_seconds() - before
    for index in waiting:
        line, what, text = every[index]
        path.write_text(text, encoding="utf-8")
        start = time.monotonic()
        known[index], by = _outcome(folder, name, tests, max(options.deadline, 5 * untouched))
        if options.resume:
            told = {
                "file": name,
                "source": state,
                "index": index,
                "line": line,
                "what": what,
                "outcome": known[index],
                "by": by,
            }
            with open(options.resume, "a", encoding="utf-8") as file:
                file.write(
                    json.dumps(
                        told
                        | {
                            "seconds": round(time.monotonic() - start, 1),
                            "commit": commit[:12],
                        }
                    )
                    + "\n"
                )
    path.write_text(source, encoding="utf-8")
    tried = [index for index in chosen if index in known]
    survivors = [every[index] for index in tried if known[index] == "survived"]
    summary = {
        "file": name,
        "mutants": len(every),
        "tried": len(tried),
        "killed": len(tried) - len(survivors),
        "seed": options.seed,
    }
    print(
        json.dumps(
            summary | {"seconds": round(time.monotonic() - begun, 1), "commit": commit[:12]}
        ),
        flush=True,
    )
    for line, what, _ in survivors:
        print(
            f"  {name}:{line}: {what}    {source.splitlines()[line - 1].strip()[:90]}", flush=True
        )
    return len(tried) - len(survivors), len(tried)


def _known(log: Path | None, name: str, state: str) -> dict[int, str]:
    """What a log holds of this very text of a file: the last outcome of each mutant."""
    if log is None or not log.exists():
        return {}
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return {
        line["index"]: line["outcome"]
        for line in lines
        if (line["file"], line["source"]) == (name, state)
    }


def _outcome(folder: Path, name: str, tests: Tests, deadline: float) -> tuple[str, str]:
    """Run the file's tests in a fork: "killed", "survived" or "timed out", and the test that failed
    first.
    """
    target = folder / name
    # its stamp has seconds, and a mutant may take less
    for stale in target.parent.glob(f"__pycache__/{target.stem}.*"):
        stale.unlink()
    ear, mouth = os.pipe()
    child = os.fork()
    if child == 0:
        code = 3
        try:
            os.close(ear)
            resource.setrlimit(resource.RLIMIT_CPU, (int(deadline) + 1, int(deadline) + 2))
            resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
            code = _in_fork(folder, name, tests, mouth)
        finally:
            os._exit(code)
    os.close(mouth)
    # a mutant that waits takes no processor time
    ends, found, status = time.monotonic() + 10 * deadline, 0, 0
    while not found and time.monotonic() < ends:
        time.sleep(0.02)
        found, status = os.waitpid(child, os.WNOHANG)
    if not found:
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
    with open(ear, encoding="utf-8") as answer:
        heard = answer.read() if found else ""
    code = os.waitstatus_to_exitcode(status) if found else -signal.SIGKILL
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return "timed out", ""
    told = json.loads(heard) if heard else {"failed": "", "seconds": {}}
    if code == 0:
        tests.seconds.update(told["seconds"])
        return "survived", ""
    tests.kills[told["failed"]] += 1
    return "killed", told["failed"]


def _in_fork(folder: Path, name: str, tests: Tests, mouth: int) -> int:
    """The tests of one mutant, in its own process: pytest's exit code; what the watcher saw goes
    into the pipe.
    """
    os.setsid()
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    os.environ |= {"NUMBA_CACHE_DIR": str(folder / "numba")}
    import numba
    import pytest

    numba.config.DISABLE_JIT = name in _INTERPRETED
    watcher = Watcher(tests)
    # hypothesis is imported before pytest could rewrite it
    early = "-Wignore::pytest.PytestAssertRewriteWarning"
    code = int(
        pytest.main(
            ["-x", "-q", "-p", "no:cacheprovider", "--timeout=0", early, *tests.files],
            plugins=[watcher],
        )
    )
    with open(mouth, "w", encoding="utf-8") as answer:
        json.dump({"failed": watcher.failed, "seconds": watcher.seconds}, answer)
    return code


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
