"""Change the code a little, many times, and see whether a test notices: `python tools/mutate.py biograd/traces.py --sample 40 --seed 0`.

A mutant differs from the file in one place: an operator, a comparison, a number, a condition. It is killed when a test fails or takes too
long, and survives when all pass: then either a test is missing, or the change means nothing. Messages of errors, docstrings and types are
left alone. Works on a copy of the last commit, so that the tree may be edited meanwhile; each mutant is tested in a fork of one process
that has imported torch and numba already. Without `--sample`, all mutants are tried. Linux.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = {
    "biograd/neurons.py": ["tests/sim/test_neurons.py", "tests/sim/test_learner.py", "tests/sim/test_network.py"],
    "biograd/traces.py": ["tests/sim/test_traces.py", "tests/sim/test_rules.py", "tests/sim/test_learner.py"],
    "biograd/rules.py": ["tests/sim/test_rules.py", "tests/sim/test_learner.py"],
    "biograd/sleep.py": ["tests/sim/test_sleep.py", "tests/sim/test_trainer.py"],
    "hardware/emulator.py": ["tests/hardware/test_emulator.py", "tests/hardware/test_manual.py"],
    "hardware/scan.py": ["tests/hardware/test_emulator.py", "tests/hardware/test_manual.py"],
    "hardware/fixed_point.py": ["tests/hardware/test_fixed_point.py", "tests/hardware/test_round_trips.py"],
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
_HEAVY = ("numpy", "numba", "torch", "snntorch", "nir", "safetensors")


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
        if name in ("annotation", "returns", "decorator_list") or isinstance(tree, ast.Raise | ast.JoinedStr | ast.Assert):
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
        for other in (node.value + 1, node.value - 1) if isinstance(node.value, int) else (node.value * 2 + 0.5,):
            yield put("value", other), nothing, f"{node.value} -> {other}"
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        new = ast.UAdd() if isinstance(node.op, ast.USub) else None
        if new:
            yield put("op", new), nothing, "-x -> x"
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        yield put("test", ast.UnaryOp(ast.Not(), node.test)), nothing, "condition negated"


def main() -> int:
    """Try mutants of the files named on the command line; exit code 1 where fewer than nine in ten were killed."""
    parser = argparse.ArgumentParser(prog="mutate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", default=list(TESTS), help=f"of {', '.join(TESTS)} (default: all)")
    parser.add_argument("--sample", type=int, help="try only so many of each file, drawn by the seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--deadline", type=float, default=60.0, help="seconds a mutant may take, or ten times the untouched file")
    options = parser.parse_args()
    for name in options.files:
        if name not in TESTS:
            parser.error(f"no tests are named for {name}; known: {', '.join(TESTS)}")
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    for heavy in _HEAVY:
        with suppress(ImportError):
            importlib.import_module(heavy)
    all_killed = all_tried = 0
    with tempfile.TemporaryDirectory(prefix="biograd-mutate-") as folder:
        archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        for name in options.files:
            killed, tried = _try_file(Path(folder), name, options)
            all_killed, all_tried = all_killed + killed, all_tried + tried
    return int(all_killed < 0.9 * all_tried)


def _try_file(folder: Path, name: str, options: argparse.Namespace) -> tuple[int, int]:
    path, begun = folder / name, time.monotonic()
    source = path.read_text(encoding="utf-8")
    if _outcome(folder, name, 10 * options.deadline) != "survived":
        raise SystemExit(f"the tests of {name} fail as it is: mend them first")
    untouched = time.monotonic() - begun
    every = list(mutants(source))
    chosen = sorted(random.Random(options.seed).sample(range(len(every)), min(options.sample or len(every), len(every))))
    killed, survivors = 0, []
    for index in chosen:
        line, what, text = every[index]
        path.write_text(text, encoding="utf-8")
        outcome = _outcome(folder, name, max(options.deadline, 10 * untouched))
        killed += outcome != "survived"
        if outcome == "survived":
            survivors.append(f"{line}: {what}    {source.splitlines()[line - 1].strip()[:90]}")
    path.write_text(source, encoding="utf-8")
    told = {"file": name, "mutants": len(every), "tried": len(chosen), "killed": killed, "seed": options.seed}
    print(json.dumps(told | {"seconds": round(time.monotonic() - begun, 1)}), flush=True)
    for survivor in survivors:
        print(f"  {name}:{survivor}", flush=True)
    return killed, len(chosen)


def _outcome(folder: Path, name: str, deadline: float) -> str:
    """Run the file's tests in a fork: "killed", "survived", or "timed out"."""
    target = folder / name
    for stale in target.parent.glob(f"__pycache__/{target.stem}.*"):  # its stamp has seconds, and a mutant may take less
        stale.unlink()
    child = os.fork()
    if child == 0:
        code = 3
        try:
            os.setsid()
            silent = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silent, 1)
            os.dup2(silent, 2)
            os.chdir(folder)
            sys.path.insert(0, str(folder))
            os.environ |= {"NUMBA_CACHE_DIR": str(folder / "numba")}
            import pytest

            code = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--timeout=0", *TESTS[name]]))
        finally:
            os._exit(code)
    ends = time.monotonic() + deadline
    while time.monotonic() < ends:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return "survived" if os.waitstatus_to_exitcode(status) == 0 else "killed"
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "timed out"


if __name__ == "__main__":
    sys.exit(main())
