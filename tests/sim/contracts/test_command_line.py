from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from torch import Tensor

from biograd.commands import cli
from biograd.neurons import NEURONS, TwoCompartmentLIF, TwoCompartmentParams
from biograd.rules import RULES, Eligibility

PARTS = """
from biograd.rules import RULES, Factorised

class Own(Factorised):
    used = 0

    def finish(self, state, steps):
        Own.used += 1
        return super().finish(state, steps)

RULES["own"] = Own
"""


@pytest.mark.slow
@pytest.mark.usefixtures("mnist")
def test_a_module_named_on_the_command_line_adds_its_parts(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(RULES, "own", Eligibility)  # so that the addition is undone at the end
    del RULES["own"]
    (tmp_path / "own_parts.py").write_text(PARTS)
    small = ["--hidden", "12", "--epochs", "1", "--limit", "100", "--feedback", "dfa", "--json"]
    flags = ["train", "--rule", "own", *small, "--out", "run", "--quiet"]
    assert cli.main(flags) == 2 and "known: eligibility, factorised" in capsys.readouterr().err
    assert cli.main([*flags, "--import", "own_parts"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["samples"] == 100
    assert RULES["own"].used > 0  # type: ignore[attr-defined]
    assert 'rule = "own"' in (tmp_path / "run" / "config.toml").read_text()


@pytest.mark.parametrize(
    ("flag", "says"),
    [
        (["--import", "no_such_module"], "No module named 'no_such_module'"),
        (["--import=../parts.py"], "--import is '../parts.py'; need the name of a module"),
        (["--import"], "--import is ''; need the name of a module"),
    ],
)
def test_a_module_that_cannot_be_imported_is_refused_in_one_line(
    flag: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["train", *flag]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line


class Scaled(TwoCompartmentLIF):
    """A soma that takes a part of its current; the constant is its own."""

    @dataclass(frozen=True, kw_only=True)
    class Params(TwoCompartmentParams):
        gain: float = 1.0  # fraction of the current that reaches the soma, 1

    def soma(self, state: Any, current: Tensor) -> Any:
        return super().soma(state, self.params.gain * current)


@pytest.mark.slow
@pytest.mark.usefixtures("mnist")
def test_a_neuron_of_ones_own_has_flags_for_its_constants(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(NEURONS, "scaled", Scaled)
    small = ["--hidden", "12", "--epochs", "1", "--limit", "100", "--feedback", "dfa"]
    folder = tmp_path / "run"
    neuron = ["--neuron-model", "scaled", "--neuron.gain", "0.5", "--neuron.alpha-u", "0.25"]
    assert cli.main(["train", *small, *neuron, "--out", str(folder)]) == 0
    assert "gain = 0.5" in (folder / "config.toml").read_text()
    assert (folder / "pictures" / "confusion.svg").exists()
    assert cli.main(["evaluate", str(folder)]) == 0
    capsys.readouterr()
    assert cli.main(["export", str(folder)]) == 2  # a NIR file has no node for such a soma
    assert "Scaled cannot be exported" in capsys.readouterr().err
    assert cli.main(["train", *small, "--neuron.gain", "0.5", "--out", str(folder)]) == 2
    assert "--neuron.gain" in capsys.readouterr().err  # the stock neuron has none
