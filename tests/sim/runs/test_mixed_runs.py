"""Runs whose neurons differ within a layer, or adapt: trained, resumed, evaluated, refused."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from biograd.commands import cli
from biograd.learning.per_synapse import SynapseEligibility
from biograd.neurons import AdaptiveLIF, AdaptiveParams, LeakyReadout, MixedLIF, mixed_decays
from biograd.params.neuron import TwoCompartmentParams
from biograd.params.trace import TraceParams
from biograd.rules import Eligibility, Factorised
from biograd.runs.checkpoint import RunFolder, load_weights
from biograd.runs.config import RunConfig, with_neuron_model
from biograd.runs.experiment import Experiment
from biograd.runs.networks import built_network, rules
from biograd.runs.presets import preset

SHORT = ["--limit", "60", "--steps", "5", "--sleep.first-night", "1", "--sleep.steps", "50"]
CHANGES = {
    "mixed": ["--mixed-v", "0.5", "0.95", "--mixed-u", "0.2", "0.6"],
    "adaptive": ["--neuron-model", "adaptive", "--neuron.rise", "0.3"],
    "both": ["--neuron-model", "adaptive", "--mixed-v", "0.5", "0.95", "--recurrent"],
}


def built(config: RunConfig, *sizes: int) -> Any:
    return built_network(config, sizes, torch.Generator().manual_seed(0))


@pytest.mark.usefixtures("mnist")
@pytest.mark.parametrize("name", CHANGES)
def test_a_run_trains_resumes_to_the_same_weights_and_is_evaluated(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [*SHORT, "--hidden", "12", "--quiet", *CHANGES[name]]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert (
        cli.main(["train", *flags, "--epochs", "2", "--schedule", "constant", "--out", str(whole)])
        == 0
    )
    train = ["train", *flags, "--schedule", "constant", "--out", str(parts)]
    assert cli.main([*train, "--epochs", "1"]) == 0
    resume = ["train", "--out", str(parts), "--resume", "--epochs", "2", "--quiet"]
    assert cli.main(resume) == 0
    nets = []
    for folder in (whole, parts):
        experiment = Experiment.from_config(RunFolder(folder).read_config())
        load_weights(RunFolder(folder), experiment)
        nets.append(experiment.net)
    for a, b in zip(*(net.state_dict().values() for net in nets), strict=True):
        assert torch.equal(a, b)
    kind = MixedLIF if name == "mixed" else AdaptiveLIF
    neuron = nets[0].layers[0].neuron
    assert isinstance(neuron, kind)
    if name != "adaptive":
        assert neuron.decays.v == mixed_decays(12, 0.5, 0.95)
    capsys.readouterr()
    assert cli.main(["evaluate", str(whole), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["test_accuracy"] >= 0
    assert cli.main(["export", str(whole)]) == (0 if name == "mixed" else 2)
    if name == "mixed":
        deployed = cli.main(["deploy", str(whole / "model.nir"), "--samples", "5", "--json"])
        said = capsys.readouterr()
        assert deployed == 0 and json.loads(said.out.splitlines()[-1])["samples"] == 5
    else:
        said = capsys.readouterr()
        assert "AdaptiveLIF cannot be exported" in said.err and said.err.count("\n") == 1


def test_layers_rules_and_readout_follow_the_configuration() -> None:
    speech = {"mixed_v": (0.8, 0.98), "neuron_model": "adaptive"}
    config = RunConfig(
        hidden=(7,),
        output="leaky",
        error="softmax",
        alphas_u=(0.3, 0.0),
        alphas_v=(0.9, 0.95),
        **speech,
    )
    net = built(config, 9, 7, 4)
    hidden, readout = net.layers[0].neuron, net.layers[1].neuron
    assert isinstance(hidden, AdaptiveLIF) and isinstance(readout, LeakyReadout)
    assert hidden.decays.u == (0.3,) and hidden.decays.v == mixed_decays(7, 0.8, 0.98)
    assert readout.params == TwoCompartmentParams(alpha_u=0.0, alpha_v=0.95)
    first, last = rules(config, net)
    assert isinstance(first, SynapseEligibility) and first.rise == AdaptiveParams().rise
    assert isinstance(last, Eligibility) and last.trace == TraceParams(alpha_x=0.0, alpha_z=0.95)
    config = RunConfig(net="4c3s2-3c3g1-5", mixed_u=(0.1, 0.5), rule="factorised")
    net = built(config, 1, 8, 8)
    assert [layer.neuron.decays.count for layer in net.layers[:2]] == [4, 3]
    assert all(isinstance(rule, Factorised) for rule in rules(config, net))
    assert not isinstance(net.layers[2].neuron, MixedLIF)


def test_the_speech_preset_takes_both() -> None:
    config = dataclasses.replace(preset("speech"), mixed_v=(0.8, 0.98), neuron_model="adaptive")
    assert isinstance(built(config, 160, 400, 10).layers[0].neuron, AdaptiveLIF)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"mixed_v": (0.9, 0.5)},
            r"^mixed_v is \(0.9, 0.5\); need two fractions kept per step, 0 <",
        ),
        ({"mixed_v": (0.9,)}, r"^mixed_v is \(0.9,\); need two fractions"),
        ({"mixed_u": (0.0, 0.5)}, r"^mixed_u is \(0.0, 0.5\); need two fractions"),
        ({"mixed_u": (0.5, float("nan"))}, r"^mixed_u is \(0.5, nan\); need two fractions"),
        (
            {"mixed_u": (0.2, 0.5), "trace": TraceParams(alpha_x=0.1)},
            r"^trace is TraceParams\(.*, and mixed_u or mixed_v sets the traces of each synapse",
        ),
        (
            {"neuron_model": "adaptive", "trace": TraceParams(alpha_x=0.1)},
            r"^trace is TraceParams\(.*, and neuron_model 'adaptive' sets the traces",
        ),
        (
            {"neuron_model": "adaptive", "start_from": "a.nir"},
            r"^start_from is 'a.nir', whose neurons are two-compartment LIFs of one kind",
        ),
    ],
)
def test_what_contradicts_itself_is_refused_in_one_line(changes: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says) as refused:
        RunConfig(hidden=(20, 10), **changes)
    assert "\n" not in str(refused.value)


def test_adaptive_neurons_keep_the_constants_that_a_preset_has_set() -> None:
    config = with_neuron_model(preset("fashion-conv"), "adaptive")
    assert config.neuron == AdaptiveParams(surrogate="tails")
    back = with_neuron_model(config, "two_compartment")
    assert back.neuron == TwoCompartmentParams()
    with pytest.raises(ValueError, match=r"^neuron_model is 'alif'; known: two_compartment, ad"):
        with_neuron_model(config, "alif")


def test_constants_of_another_neuron_are_not_dropped() -> None:
    with pytest.raises(
        ValueError, match=r"^params has rise = 0.5, which LeakyReadout does not know"
    ):
        LeakyReadout(AdaptiveParams(rise=0.5))
