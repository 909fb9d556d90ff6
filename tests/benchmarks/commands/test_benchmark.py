"""The command `biograd benchmark`: its help names every suite, its result counts what was done."""

from __future__ import annotations

import json

import pytest

from benchmarks.suites import SUITES
from biograd.commands import cli


def test_the_help_names_every_suite_with_its_content(capsys):
    with pytest.raises(SystemExit):
        cli.main(["benchmark", "--help"])
    # without the frame and the line breaks of the table
    words = capsys.readouterr().out.replace("│", " ").split()
    text = " ".join(words)
    for name, suite in SUITES.items():
        assert f"{name}: {suite.what}" in text


def test_a_suite_is_run_summed_up_and_compared_with_an_earlier_one(tmp_path, counted, capsys):
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    assert cli.main(["benchmark", "--suite", "counted", "--out", str(first)]) == 0
    flags = ["--suite", "counted", "--out", str(second), "--compare", str(first), "--json"]
    assert cli.main(["benchmark", *flags]) == 0
    output = capsys.readouterr()
    result = json.loads(output.out.splitlines()[-1])
    assert (result["suite"], result["tasks"], result["failed"]) == ("counted", 4, 0)
    assert result["records"] == str(second)
    assert "bounds[0]" in output.err and "5.000" in output.err  # 50 after 10


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--suite", "fast"], "there is no suite 'fast'; known: quick, paper"),
        (["--threads", "-1"], "threads is -1; need 0 (all cores) or more"),
        (["--compare", "nowhere.jsonl"], "nowhere.jsonl is not a file"),
    ],
)
def test_flags_out_of_range_are_refused_in_one_line(flags, message, capsys):
    assert cli.main(["benchmark", *flags]) == 2
    assert message in capsys.readouterr().err
