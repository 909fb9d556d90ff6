"""A target is a function of model and spikes to a result; a user's own is used by name or as is."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from hardware import emulator, lava_target, targets
from hardware.border.files import write_model
from hardware.border.model import LayerModel, Model, SpikeInput
from hardware.limits import LimitError
from hardware.targets import TARGETS, RunOptions


def one_more_spike(fixed, spikes):
    """A target that differs from the emulator in the first sample."""
    result = emulator.run(fixed, spikes)
    counts = result.counts.copy()
    counts[0, 0] += 1
    return replace(result, counts=counts, target="mine")


def test_a_model_is_quantised_on_the_way_and_the_emulator_runs_here():
    model = Model(layers=(LayerModel(w=np.eye(3), bias=np.zeros(3)),), steps=4)
    result = targets.run(model, SpikeInput(spikes=np.ones((4, 2, 3))), "emulator")
    assert result.target == "emulator" and result.counts.tolist() == [[3, 3, 3]] * 2


@pytest.mark.parametrize("by_name", [True, False])
def test_a_function_of_model_and_spikes_is_a_target(random_net, monkeypatch, by_name):
    monkeypatch.setitem(TARGETS, "mine", one_more_spike)
    net = random_net(5, 3)
    result = targets.run(*net, "mine" if by_name else one_more_spike)
    expected = targets.run(*net, "emulator").counts
    expected[0, 0] += 1
    assert result.target == "mine" and np.array_equal(result.counts, expected)


def test_an_object_with_a_call_method_is_a_target(random_net):
    class Chip:
        def __call__(self, fixed, spikes):
            return one_more_spike(fixed, spikes)

    assert targets.run(*random_net(5, 3), Chip()).target == "mine"


def test_a_target_with_a_parameter_options_receives_them(random_net):
    received = []

    def mine(fixed, spikes, options):
        received.append(options)
        return emulator.run(fixed, spikes, record=options.record)

    def progress(done, total):
        pass

    result = targets.run(
        *random_net(5, 3), mine, deadline=7.0, progress=progress, record="vs", workers=3
    )
    assert received == [RunOptions(deadline=7.0, progress=progress, record="vs", workers=3)]
    assert result.v is not None and result.s is not None


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_keeps_the_contract(name, random_net, monkeypatch):
    def run_samples(fixed, spikes, *, record, **_):
        result = emulator.run(fixed, spikes, record=record)
        return result.counts, 1.0, {name: getattr(result, name) for name in record}

    monkeypatch.setattr(targets, "run_samples", run_samples)  # Lava itself: test_lava_target
    fixed, spikes = random_net(5, 4, 3, samples=6)
    plain, options = TARGETS[name](fixed, spikes), RunOptions(record="uvs")
    recorded = TARGETS[name](fixed, spikes, options)
    assert plain.target == recorded.target == name
    assert np.array_equal(plain.counts, emulator.run(fixed, spikes).counts)
    assert [array.shape for array in recorded.v] == [(10, 6, 4), (10, 6, 3)] and plain.v is None


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (
            lambda fixed: None,
            r"target '<lambda>' takes \(fixed\) \(too many positional arguments\)",
        ),
        (lambda fixed, spikes, deadline: None, "missing a required argument: 'deadline'"),
        (lambda fixed, spikes: 5, "target '<lambda>' returned int; need a RunResult"),
        (3, "target is 3; need a name or a function of model and spikes"),
    ],
)
def test_a_function_of_another_form_is_no_target(random_net, target, message):
    with pytest.raises(ValueError, match=message) as error:
        targets.run(*random_net(5, 3), target)
    assert "\n" not in str(error.value)


def test_a_result_that_does_not_fit_the_request_is_refused(random_net):
    fixed, spikes = random_net(5, 3, samples=4)

    def first_sample_alone(fixed, spikes):
        return emulator.run(fixed, SpikeInput(spikes=spikes.spikes[:, :1]))

    with pytest.raises(ValueError, match=r"counts of shape \(1, 3\); need .* = \(4, 3\)"):
        targets.run(fixed, spikes, first_sample_alone)
    with pytest.raises(ValueError, match="target 'one_more_spike' recorded no u, s: leave record"):
        targets.run(fixed, spikes, one_more_spike, record=("u", "s"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target": "loihi3"}, "target is 'loihi3'; known are emulator, lava"),
        ({"deadline": 0}, "deadline is 0; need seconds above 0"),
        ({"deadline": float("nan")}, "deadline is nan"),
        ({"workers": 0}, "workers is 0; need at least 1"),
        (
            {"spikes": SpikeInput(spikes=np.zeros((10, 1, 7)))},
            "the spikes have 7 inputs, the model takes 5",
        ),
        ({"record": ("w",)}, "cannot record w; known are u, v, s"),
    ],
)
@pytest.mark.parametrize("target", ["lava", "mine"])
def test_invalid_requests_are_refused_before_anything_runs(
    changes, message, target, random_net, monkeypatch
):
    monkeypatch.setattr(lava_target, "run_guarded", lambda *_, **__: pytest.fail("Lava started"))
    monkeypatch.setitem(TARGETS, "mine", lambda fixed, spikes: pytest.fail("the target started"))
    fixed, spikes = random_net(5, 3)
    arguments = {"spikes": spikes, "target": target} | changes
    with pytest.raises(ValueError, match=message):
        targets.run(fixed, arguments.pop("spikes"), arguments.pop("target"), **arguments)


def test_a_model_beyond_the_chips_limits_reaches_no_target(random_net):
    fixed, spikes = random_net(5, 3)
    too_high = replace(fixed, layers=(replace(fixed.layers[0], vth=200_000),))
    with pytest.raises(LimitError, match="layer 1: vth is 200,000"):
        targets.run(too_high, spikes, lambda fixed, spikes: pytest.fail("the target started"))


def test_a_target_of_the_users_is_deployed_to_by_name_and_compared(tmp_path, monkeypatch, capsys):
    torch = pytest.importorskip("torch", reason="the command is the simulator's")
    from biograd.commands import cli
    from biograd.commands.work import deploy
    from biograd.data.datasets import ImageSet

    rng = np.random.default_rng(0)
    layer = LayerModel(w=rng.normal(0, 0.1, (10, 784)), bias=np.zeros(10))
    write_model(Model(layers=(layer,), steps=4), tmp_path / "model.nir")
    x = torch.from_numpy(rng.integers(0, 256, (30, 28, 28), dtype=np.uint8))
    images = ImageSet("mnist", "test", x, torch.arange(30) % 10, 10)
    monkeypatch.setattr(deploy, "load", lambda *_, **__: images)
    monkeypatch.setitem(TARGETS, "mine", one_more_spike)
    arguments = ["deploy", str(tmp_path / "model.nir"), "--target", "mine", "--samples", "20"]
    assert cli.main([*arguments, "--json"]) == 0
    printed = capsys.readouterr()
    record = json.loads(printed.out.splitlines()[-1])
    assert (record["target"], record["samples"], record["lava_mismatches"]) == ("mine", 20, 1)


def test_objects_of_another_kind_are_refused_by_name(random_net):
    fixed, spikes = random_net(5, 3)
    for model in (None, "model.nir", {}, Model):
        with pytest.raises(TypeError, match=r"^model is [^\n]*; need a Model or a Fixed"):
            targets.run(model, spikes, "emulator")
    with pytest.raises(TypeError, match=r"^spikes is [^\n]*; need a SpikeInput"):
        targets.run(fixed, spikes.spikes, "emulator")
    with pytest.raises(TypeError, match=r"^workers is 1\.5, a float; need a whole number$"):
        targets.run(fixed, spikes, "emulator", workers=1.5)
