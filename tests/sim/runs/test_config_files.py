from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import pytest

from biograd.neurons import NEURONS, NeuronParams, TwoCompartmentLIF, TwoCompartmentParams
from biograd.runs.config import RunConfig
from biograd.runs.config_files import config_toml, read_config, read_run_config
from biograd.runs.presets import PRESETS, preset


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_survives_its_file(name, tmp_path):
    (tmp_path / "c.toml").write_text(config_toml(preset(name)))
    assert read_config(tmp_path / "c.toml") == preset(name)


def test_a_file_may_start_from_a_preset_and_change_one_field(tmp_path):
    (tmp_path / "c.toml").write_text('preset = "mnist-online"\n[sleep]\nrate = 0.3\n')
    read = read_config(tmp_path / "c.toml")
    assert read.hidden == (100,) and read.batch == 1 and read.sleep.rate == 0.3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("epoch = 3", "did you mean epochs"),
        ("[sleep]\nrat = 0.3", "did you mean sleep.rate"),
        ("[sleep]\nrate = 2.0", "sleep.rate is 2.0"),
        ("epochs = 2.5", "need a whole number"),
        ("epochs = true", "need a whole number"),
        ('lr = "fast"', "need a number"),
        ("hidden = 3", "need a list of whole numbers"),
        ("sleep = 3", "need a table"),
        ('error = "loud"', "known: signed, running, final"),
        ('preset = "imagenet"', "there is no preset 'imagenet'"),
        ("epochs = ", "is not TOML"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(text, says, tmp_path):
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(ValueError, match=says) as caught:
        read_config(tmp_path / "c.toml")
    assert "\n" not in str(caught.value)


def test_a_file_sets_the_constants_of_the_two_compartment_neuron(tmp_path):
    (tmp_path / "c.toml").write_text("neuron = {alpha_u = 0.25}\n")
    expected = TwoCompartmentParams(alpha_u=0.25)
    assert read_config(tmp_path / "c.toml") == RunConfig(neuron=expected)


class Leaky(TwoCompartmentLIF):
    """A neuron with one constant of its own."""

    @dataclass(frozen=True, kw_only=True)
    class Params(NeuronParams):
        leak: float = 0.5

        def __post_init__(self) -> None:
            if not 0 <= self.leak < 1:
                raise ValueError(f"neuron.leak is {self.leak}; need 0 <= leak < 1")


def test_a_file_sets_the_constants_of_a_neuron_of_ones_own(tmp_path, monkeypatch):
    monkeypatch.setitem(NEURONS, "leaky", Leaky)
    (tmp_path / "c.toml").write_text('neuron_model = "leaky"\nneuron = {leak = 0.25}\n')
    config = read_config(tmp_path / "c.toml")
    assert config.neuron == Leaky.Params(leak=0.25)
    (tmp_path / "again.toml").write_text(config_toml(config))
    assert read_config(tmp_path / "again.toml") == config


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("neuron = {alpha_u = 0.25}", "neuron.alpha_u is not a field; known: leak"),
        ("neuron = {leak = 2.0}", "neuron.leak is 2.0; need 0 <= leak < 1"),
        ("neuron = {leak = [0.5]}", "neuron.leak is .0.5.; need a number"),
    ],
)
def test_bad_constants_of_a_neuron_of_ones_own_are_refused(text, says, tmp_path, monkeypatch):
    monkeypatch.setitem(NEURONS, "leaky", Leaky)
    (tmp_path / "c.toml").write_text(f'neuron_model = "leaky"\n{text}\n')
    with pytest.raises(ValueError, match=says):
        read_config(tmp_path / "c.toml")


def test_a_word_that_no_module_has_registered_is_refused_before_its_constants(tmp_path):
    (tmp_path / "c.toml").write_text('neuron_model = "leaky"\nneuron = {leak = 0.25}\n')
    with pytest.raises(
        ValueError, match=r"neuron_model is 'leaky'; known: two_compartment, adaptive$"
    ):
        read_config(tmp_path / "c.toml")


def test_sleep_keeps_its_direct_meaning_in_runs_from_before_layered_feedback(tmp_path):
    deep = RunConfig(hidden=(8, 8, 8))
    path = tmp_path / "config.toml"
    path.write_text(config_toml(deep))
    assert read_run_config(path) == deep
    older = "".join(line for line in config_toml(deep).splitlines(True) if line[:5] != "net =")
    path.write_text(older)
    assert read_run_config(path) == dataclasses.replace(deep, feedback="sleep-direct")
    path.write_text(older.replace("    8,\n", "", 1))
    assert read_run_config(path).feedback == "sleep"  # of two hidden layers, where it is direct
