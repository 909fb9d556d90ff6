from __future__ import annotations

import copy
import json
import shlex

import pytest
import torch

import biograd as bg
from biograd.commands.cli import main
from biograd.network import Network
from biograd.runs import records
from biograd.runs.checkpoint import RunFolder, save_checkpoint
from biograd.runs.config import RunConfig
from biograd.runs.experiment import Experiment
from biograd.sleep import SleepParams
from biograd.training.health import (
    FaultLog,
    Guard,
    GuardLimits,
    angle_faults,
    chip_faults,
    growth,
    rate_faults,
    weight_faults,
)

CONFIG = RunConfig(
    hidden=(20, 16),
    epochs=2,
    batch=70,
    threads=1,
    sleep=SleepParams(every=4, first_night=20, phases=1, steps=100),
)


@pytest.fixture
def trainer(mnist):
    return Experiment.from_config(CONFIG).trainer


def kinds(faults):
    return {(fault.kind, fault.where) for fault in faults}


def test_a_sound_run_has_no_faults_and_says_so_in_its_records(trainer):
    guard = Guard(trainer, GuardLimits(every=1))
    for record in trainer.run(on_batch=guard):
        assert guard.new(record) == [] and record["faults"] == {}


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (lambda net, feedback: net.layers[0].w.mul_(1000), "exploding"),
        (lambda net, feedback: net.layers[0].w[3, 4].fill_(float("inf")), "not finite"),
        (lambda net, feedback: net.layers[0].w[3, 4].fill_(float("nan")), "not finite"),
        (lambda net, feedback: feedback.w_fb[0].mul_(1000), "apical"),
        (lambda net, feedback: feedback.w_fb[0][1, 1].fill_(float("nan")), "apical"),
    ],
)
def test_weights_that_go_wrong_are_named_with_their_layer(spoil, kind, trainer):
    guard = Guard(trainer)
    assert guard.look() == []
    with torch.no_grad():
        spoil(trainer.learner.net, trainer.learner.feedback)
    assert kinds(guard.look()) == {(kind, "layer 1")}


def test_weights_are_as_large_as_a_fresh_layers_until_they_change():
    net = Network((400, 300, 200), generator=torch.Generator().manual_seed(0))
    # the spread of the root mean square of 60,000 uniform numbers is 0.2 % of it
    assert [growth(layer) for layer in net.layers] == pytest.approx([1.0, 1.0], abs=0.01)
    net.layers[1].w *= 7
    assert growth(net.layers[1]) == pytest.approx(7.0, abs=0.07)


def test_weights_explode_beyond_the_limit_and_not_before():
    net = Network((400, 300, 200), generator=torch.Generator().manual_seed(0))
    fresh = net.layers[0].w.clone()
    net.layers[0].w.copy_(29 * fresh)
    assert weight_faults(net, GuardLimits(growth=30.0)) == []
    net.layers[0].w.copy_(31 * fresh)
    (fault,) = weight_faults(net, GuardLimits(growth=30.0))
    assert str(fault).startswith("layer 1 has weights 31 times as large as a fresh layer's: lower")


@pytest.mark.parametrize(("bias", "kind"), [(-100.0, "silent"), (100.0, "saturated")])
def test_a_layer_that_never_or_always_spikes_is_reported_while_training(bias, kind, trainer):
    trainer.optimizer = torch.optim.SGD(trainer.learner.net.parameters(), lr=1e-9)
    trainer.scheduler = None
    with torch.no_grad():
        trainer.learner.net.layers[1].b.fill_(bias)
    guard = Guard(trainer, GuardLimits(every=2))
    record = next(trainer.run(on_batch=guard))
    faults = guard.new(record)
    assert (kind, "layer 2") in kinds(faults)
    # 10 batches, a check every 2; a layer without input is silent too
    assert record["faults"][kind] == {"silent": 10, "saturated": 5}[kind]
    assert "lower the learning rate" in str(faults[0]) and "\n" not in str(faults[0])


def set_sums(trainer, samples, rates):
    state = trainer.sums.state_dict()
    trainer.sums.load_state_dict(state, torch.tensor(rates), samples)


def test_rates_are_those_since_the_last_check_not_of_the_whole_epoch(trainer):
    guard = Guard(trainer)
    set_sums(trainer, 100, [50.0, 50.0, 50.0])
    assert guard.look() == []
    set_sums(trainer, 200, [100.0, 50.0, 149.0])
    assert kinds(guard.look()) == {("silent", "layer 2"), ("saturated", "layer 3")}
    set_sums(trainer, 10, [5.0, 5.0, 0.0])  # a new epoch
    assert kinds(guard.look()) == {("silent", "layer 3")}


def test_a_guard_of_a_resumed_run_counts_from_where_the_run_stopped(trainer):
    list(trainer.run(on_batch=lambda p: p.batch == 4))
    state = copy.deepcopy(trainer.state_dict())
    resumed = Experiment.from_config(CONFIG).trainer
    resumed.load_state_dict(state)
    guard, rates = Guard(resumed), resumed.sums.rates.clone()
    list(resumed.run(on_batch=lambda p: p.batch == 5))
    of_one_batch = ((resumed.sums.rates - rates) / 70).tolist()
    limits = GuardLimits(busy=max(of_one_batch) * 0.99)
    guard.limits = limits
    assert {fault.kind for fault in guard.look()} == {"saturated"}


def test_the_limits_themselves_are_no_faults():
    limits = GuardLimits(silent=0.25, busy=0.75, angle=60, traces=0.5)
    assert rate_faults([0.25, 0.75], limits) == []
    assert angle_faults([60.0, 0.0], limits) == []
    assert chip_faults([0.5], 0.5, limits) == []
    assert len(rate_faults([0.24, 0.76], limits)) == 2
    assert kinds(angle_faults([59.0, 60.1], limits)) == {("angle", "layer 2")}
    assert kinds(angle_faults([float("nan")], limits)) == {("angle", "layer 1")}
    assert kinds(chip_faults([0.5], 0.51, limits)) == {("apical", "third factors (7 bit)")}
    with pytest.raises(ValueError, match=r"GuardLimits\.angle is 0"):
        GuardLimits(angle=0)


def test_only_feedback_that_sleeps_can_be_stuck(trainer):
    record = {"feedback_angle_deg": [89.0, 20.0]}
    assert kinds(Guard(trainer).new(record)) == {("angle", "layer 1")}
    assert record["faults"] == {"angle": 1}
    trainer.learner.feedback = bg.RandomDFA(trainer.learner.net)
    assert Guard(trainer).new(record) == [] and record["faults"] == {}


def test_each_fault_is_reported_once_and_counted_every_time():
    log = FaultLog()
    for _ in range(3):
        log.note(rate_faults([0.0, 0.5, 0.0], GuardLimits()))
    assert [fault.where for fault in log.fresh()] == ["layer 1", "layer 3"] and log.fresh() == []
    assert log.counted() == {"silent": 6} and log.counted() == {}


def test_weights_that_are_not_finite_are_never_saved(mnist, tmp_path):
    experiment, folder = Experiment.from_config(CONFIG), RunFolder(tmp_path)
    save_checkpoint(folder, experiment)
    before = folder.checkpoint.read_bytes()
    with torch.no_grad():
        experiment.net.layers[1].b[0] = float("nan")
    with pytest.raises(
        ValueError, match=r"layer 2 has weights that are not finite .* lower the learning rate"
    ):
        save_checkpoint(folder, experiment)
    assert folder.checkpoint.read_bytes() == before


def test_training_reports_a_fault_and_stops_on_request(mnist, tmp_path, capsys):
    flags = shlex.split(
        "train --hidden 16 --epochs 2 --batch 10 --lr 100 --threads 1 --quiet --json"
    )
    flags += ["--sleep.first-night", "2", "--sleep.steps", "50"]
    assert main([*flags, "--out", str(tmp_path / "whole")]) == 0
    out, err = capsys.readouterr()
    assert err.count("fault: layer 1 has weights") == 1 and "--lr" in err
    whole = records.read(tmp_path / "whole" / "records.jsonl")
    epochs = [record for record in whole if record["kind"] == "epoch"]
    assert all(record["faults"]["exploding"] >= 2 for record in epochs)
    assert main([*flags, "--on-fault", "stop", "--out", str(tmp_path / "stopped")]) == 2
    out, err = capsys.readouterr()
    assert json.loads(out)["stopped"] and "layer 1 has weights" in json.loads(out)["fault"]
    assert "stopped at epoch 1, batch 50" in err
    assert (tmp_path / "stopped" / "checkpoint.safetensors").exists()
