from __future__ import annotations

import json

import pytest
import torch

import biograd as bg
from biograd.commands.cli import main
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
    rate_faults,
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


@pytest.mark.parametrize(("bias", "kind"), [(-100.0, "silent"), (100.0, "saturated")])
def test_a_layer_that_never_or_always_spikes_is_seen_while_training(bias, kind, trainer):
    trainer.optimizer, trainer.scheduler = (
        torch.optim.SGD(trainer.learner.net.parameters(), lr=1e-9),
        None,
    )
    with torch.no_grad():
        trainer.learner.net.layers[1].b.fill_(bias)
    guard = Guard(trainer, GuardLimits(every=2))
    record = next(trainer.run(on_batch=guard))
    found = guard.new(record)
    assert (kind, "layer 2") in kinds(found)
    # 10 batches, a look every 2; what hears nothing is silent too
    assert record["faults"][kind] == {"silent": 10, "saturated": 5}[kind]
    assert "lower the learning rate" in str(found[0]) and "\n" not in str(found[0])


def show(trainer, seen, rates):
    trainer.seen = seen
    trainer.tally.restore(0.0, 0.0, torch.tensor(rates))


def test_rates_are_those_since_the_last_look_not_of_the_whole_epoch(trainer):
    guard = Guard(trainer)
    show(trainer, 100, [50.0, 50.0, 50.0])
    assert guard.look() == []
    show(trainer, 200, [100.0, 50.0, 149.0])
    assert kinds(guard.look()) == {("silent", "layer 2"), ("saturated", "layer 3")}
    show(trainer, 10, [5.0, 5.0, 0.0])  # a new epoch
    assert kinds(guard.look()) == {("silent", "layer 3")}


def test_the_limits_themselves_are_no_faults():
    limits = GuardLimits(silent=0.25, busy=0.75, angle=60, traces=0.5)
    assert (
        rate_faults([0.25, 0.75], limits) == []
        and angle_faults([60.0, 0.0], limits) == []
        and chip_faults([0.5], 0.5, limits) == []
    )
    assert len(rate_faults([0.24, 0.76], limits)) == 2 and kinds(
        angle_faults([59.0, 60.1], limits)
    ) == {("angle", "layer 2")}
    assert kinds(angle_faults([float("nan")], limits)) == {("angle", "layer 1")}
    assert kinds(chip_faults([0.5], 0.51, limits)) == {("apical", "third factors (7 bit)")}
    with pytest.raises(ValueError, match=r"GuardLimits\.angle is 0"):
        GuardLimits(angle=0)


def test_only_feedback_that_sleeps_can_be_stuck(trainer):
    record = {"feedback_angle_deg": [89.0, 20.0]}
    assert kinds(Guard(trainer).new(record)) == {("angle", "layer 1")} and record["faults"] == {
        "angle": 1
    }
    trainer.learner.feedback = bg.RandomDFA(trainer.learner.net)
    assert Guard(trainer).new(record) == [] and record["faults"] == {}


def test_each_fault_is_told_once_and_counted_every_time():
    told = FaultLog()
    for _ in range(3):
        told.note(rate_faults([0.0, 0.5, 0.0], GuardLimits()))
    assert [fault.where for fault in told.fresh()] == ["layer 1", "layer 3"] and told.fresh() == []
    assert told.counted() == {"silent": 6} and told.counted() == {}


def test_weights_that_are_no_numbers_are_never_saved(mnist, tmp_path):
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


def test_training_tells_a_fault_and_stops_on_request(mnist, tmp_path, capsys):
    flags = [
        "train",
        "--hidden",
        "16",
        "--epochs",
        "2",
        "--batch",
        "10",
        "--lr",
        "100",
        "--threads",
        "1",
        "--quiet",
        "--json",
    ]
    flags += ["--sleep.first-night", "2", "--sleep.steps", "50"]
    assert main([*flags, "--out", str(tmp_path / "told")]) == 0
    out, err = capsys.readouterr()
    assert err.count("fault: layer 1 has weights") == 1 and "--lr" in err
    epochs = [
        record
        for record in records.read(tmp_path / "told" / "records.jsonl")
        if record["kind"] == "epoch"
    ]
    assert all(record["faults"]["exploding"] >= 2 for record in epochs)
    assert main([*flags, "--on-fault", "stop", "--out", str(tmp_path / "stopped")]) == 2
    out, err = capsys.readouterr()
    assert (
        json.loads(out)["stopped"]
        and "layer 1 has weights" in json.loads(out)["fault"]
        and "stopped at epoch 1, batch 50" in err
    )
    assert (tmp_path / "stopped" / "checkpoint.safetensors").exists()
