"""The tool that changes the code to see whether a test fails: its mutants, the order of tests, its
log.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

if not hasattr(os, "fork"):
    pytest.skip("needs fork", allow_module_level=True)

TOOL = Path(__file__).parents[2] / "tools" / "mutate"
sys.path.insert(0, str(TOOL))
import mutants  # noqa: E402
import trials  # noqa: E402

SOURCE = '''
"""A text of 3 < 4."""
@cached(size=3)
def f(x: tuple[1, 2] = 7) -> list[5]:
    """Adds 1 + 1."""
    if x < 2:
        raise ValueError(f"{x + 1} is too small" + "by 9")
    return -x
'''


def test_code_is_changed_in_one_place_at_a_time_and_texts_are_not():
    changes = [(line, what) for line, what, _ in mutants.mutants(SOURCE)]
    assert changes == [
        (4, "7 -> 8"), (4, "7 -> 6"),
        (6, "condition negated"), (6, "Lt -> LtE"), (6, "Lt -> Gt"), (6, "2 -> 3"), (6, "2 -> 1"),
        (8, "-x -> x"),
    ]  # fmt: skip
    whole = ast.unparse(ast.parse(SOURCE)).splitlines()
    for _, _, text in mutants.mutants(SOURCE):
        assert sum(a != b for a, b in zip(whole, text.splitlines(), strict=True)) == 1


def test_tests_that_killed_most_for_their_time_go_first():
    tests = trials.Tests([], seconds={"a": 0.1, "b": 0.1, "slow": 9.0, "c[1]": 0.1, "c[2]": 0.1})
    assert sorted(tests.seconds, key=tests.turn)[-1] == "slow"
    tests.kills.update(["b", "b", "c[1]"])
    assert sorted(tests.seconds, key=tests.turn) == ["b", "c[1]", "c[2]", "a", "slow"]


FORKS = """
import json, sys; sys.path.insert(0, {tool!r})
import numba, pytest, hypothesis, trials  # once, before the forks
from pathlib import Path
for test, seconds in {tests!r}:
    Path("test_value.py").write_text("import value\\ndef test_it():\\n    " + test + "\\n")
    tests = trials.Tests(["test_value.py"])
    outcome = trials.outcome(Path.cwd(), "value.py", tests, seconds)
    print(json.dumps([*outcome, list(tests.seconds), dict(tests.kills)]))
"""


@pytest.mark.slow
def test_a_fork_reports_the_outcome_of_a_mutant(tmp_path):
    (tmp_path / "value.py").write_text("HELD = 1\n")
    cases = [
        ("assert value.HELD == 1", 60.0),
        ("assert value.HELD == 2", 60.0),
        ("import os; os.kill(os.getpid(), 11)", 60.0),
        ("while True: pass", 1.0),
    ]
    # A process of its own: this one has threads, which do not survive a fork.
    program = FORKS.format(tool=str(TOOL), tests=cases)
    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=200, cwd=tmp_path
    )
    assert process.returncode == 0, process.stderr
    name = "test_value.py::test_it"
    assert [json.loads(line) for line in process.stdout.splitlines()] == [
        ["survived", "", [name], {}],
        ["killed", name, [], {name: 1}],
        ["killed", "", [], {"": 1}],
        ["timed out", "", [], {}],
    ]


def test_a_log_holds_for_the_text_it_was_written_for_and_its_last_outcome_counts(tmp_path):
    line = {"file": "a.py", "source": "now", "index": 3, "outcome": "survived"}
    lines = [
        line,
        line | {"source": "before", "index": 1},
        line | {"file": "b.py", "index": 2},
        line | {"outcome": "killed"},
    ]
    (tmp_path / "log").write_text("".join(json.dumps(entry) + "\n" for entry in lines))
    assert trials.logged_outcomes(tmp_path / "log", "a.py", "now") == {3: "killed"}
    assert trials.logged_outcomes(tmp_path / "none", "a.py", "now") == {}
    assert trials.logged_outcomes(None, "a.py", "now") == {}
