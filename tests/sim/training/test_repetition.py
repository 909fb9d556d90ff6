"""Spaced repetition: which samples rest, for how long, and that such runs resume like any other."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from biograd.data.samples import spikes_of
from biograd.errors import ClassWeighted, FinalRate, RunningRate, SignedSpikes, errors_over_time
from biograd.feedback import RandomDFA
from biograd.learning.learner import LocalLearner, StepResult
from biograd.network import Network, most_spikes
from biograd.runs import records
from biograd.runs.checkpoint import RunFolder, load_checkpoint, save_checkpoint
from biograd.runs.config import RunConfig
from biograd.runs.experiment import Experiment, rarely_active
from biograd.sleep import SleepParams
from biograd.training.repetition import Repetition, RepetitionParams, UnsureOnly, lead_of
from biograd.training.trainer import Trainer, TrainParams

RESTING = RunConfig(
    hidden=(12,),
    epochs=6,
    batch=70,
    lr=1e-2,
    steps=6,
    threads=1,
    sleep=SleepParams(every=4, first_night=3, phases=1, steps=50),
    repetition=RepetitionParams(longest=2, lead=1),
)


def epochs_shown(params: RepetitionParams, leads: list[int]) -> list[int]:
    """Epochs that present the only sample, if its answers lead by these."""
    repetition, epochs = Repetition(1, params), []
    for epoch, lead in enumerate(leads):
        if len(repetition.due(epoch)):
            epochs.append(epoch)
            repetition.note(epoch, torch.tensor([0]), torch.tensor([float(lead)]))
    return epochs


def test_a_sample_with_sure_answers_rests_for_ever_longer():
    # rests 1, 2, 4, 4
    assert epochs_shown(RepetitionParams(longest=4), [2] * 20) == [0, 2, 5, 10, 15]
    # rests 3, 5, 5
    assert epochs_shown(RepetitionParams(longest=5, first=3), [2] * 20) == [0, 4, 10, 16]


def test_a_sample_that_is_missed_or_unsure_comes_back_at_once():
    leads = [2, 9, -1, 1, 2, 9, 2, 9, 9]
    assert epochs_shown(RepetitionParams(longest=4), leads) == [0, 2, 3, 4, 6]
    # it had to be learned
    leads = [1, 2, 9, 2, 9, 9, 2]
    assert epochs_shown(RepetitionParams(longest=4, first=4), leads) == [0, 1, 3, 6]
    assert epochs_shown(RepetitionParams(longest=4, lead=1), [1, 9, 0, 1, 9, 1]) == [0, 2, 3, 5]


def test_an_epoch_keeps_its_samples_while_they_are_shown():
    repetition = Repetition(5, RepetitionParams(longest=2))
    repetition.note(0, torch.arange(3), torch.tensor([5.0, 5.0, -5.0]))
    assert repetition.due(0).tolist() == [0, 1, 2, 3, 4] and repetition.due(1).tolist() == [2, 3, 4]


def test_the_lead_is_of_the_right_class_over_the_best_other():
    counts = torch.tensor([[4.0, 3.0, 0.0], [4.0, 3.0, 0.0], [2.0, 2.0, 1.0]])
    assert lead_of(counts, torch.tensor([0, 2, 1])).tolist() == [1.0, -4.0, 0.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"longest": -1}, "longest is -1"),
        ({"first": 3, "longest": 2}, "first is 3; need 1 to the longest rest, 2"),
        ({"lead": 0}, "lead is 0; need at least 1 spike"),
    ],
)
def test_impossible_repetitions_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        RepetitionParams(**change)


@pytest.mark.parametrize(
    "kind",
    [SignedSpikes(), FinalRate(), ClassWeighted(SignedSpikes(), torch.tensor([1.0, 2.0, 3.0]))],
)
def test_sure_samples_make_no_errors_and_all_others_are_unchanged(kind):
    generator = torch.Generator().manual_seed(0)
    s_out = (torch.rand(5, 40, 3, generator=generator) < 0.5).float()
    labels = torch.arange(40) % 3
    target = torch.nn.functional.one_hot(labels, 3).float()
    sure = lead_of(s_out.sum(0), labels) >= 1
    assert 5 < int(sure.sum()) < 35
    err = errors_over_time(UnsureOnly(kind, lead=1), s_out, target)
    plain = errors_over_time(kind, s_out, target)
    assert not err[:, sure].any() and torch.equal(err[:, ~sure], plain[:, ~sure])


def test_unsure_samples_are_not_known_before_they_end():
    for kind in (RunningRate(), ClassWeighted(RunningRate(), torch.ones(3))):
        with pytest.raises(ValueError, match="error 'running' knows only its start"):
            UnsureOnly(kind, lead=2)
    unsure_only = RepetitionParams(learn_sure=False)
    config = dataclasses.replace(RESTING, order="online", repetition=unsure_only)
    with pytest.raises(ValueError, match="UnsureOnly needs the end of the sample"):
        Experiment.from_config(config)


def test_a_network_with_sure_answers_is_not_changed(mnist):
    config = dataclasses.replace(RESTING, epochs=1, repetition=RepetitionParams(learn_sure=False))
    learner = Experiment.from_config(config).learner
    spikes = torch.zeros(6, 2, 784)
    spikes[:, 0] = 1.0
    labels = most_spikes(learner.net.spike_counts(spikes)[-1])
    learner.error = UnsureOnly(SignedSpikes(), lead=1)
    learner.step(spikes[:, :1], labels[:1])
    taught = bool(learner.net.layers[0].w.grad.any())
    assert taught == (lead_of(learner.net.spike_counts(spikes[:, :1])[-1], labels[:1]).item() < 1)


def test_learned_digits_rest_and_the_rate_still_falls_to_nothing(mnist):
    experiment = Experiment.from_config(RESTING)
    resting = list(experiment.trainer.run())
    n = len(experiment.train_set)
    assert resting[0]["shown"] == n and resting[1]["shown"] < n
    assert sum(r["shown"] for r in resting) < 0.95 * n * len(resting)
    assert [r["samples"] for r in resting] == [n * epoch for epoch in range(1, 7)]
    assert resting[-1]["learning_rate"] == pytest.approx(0, abs=1e-9)
    without = dataclasses.replace(RESTING, repetition=RepetitionParams())
    plain = list(Experiment.from_config(without).trainer.run())
    # the first epoch shows all
    assert "shown" not in plain[0] and plain[0]["test_accuracy"] == resting[0]["test_accuracy"]
    assert resting[-1]["test_accuracy"] > plain[-1]["test_accuracy"] - 0.1


@pytest.mark.parametrize("stop_after", [3, 5, 9])
def test_a_resting_run_resumes_to_the_same_bits(stop_after, mnist, tmp_path):
    unbroken = Experiment.from_config(RESTING)
    expected = list(unbroken.trainer.run())
    broken, folder, batches = Experiment.from_config(RESTING), RunFolder(tmp_path / "run"), []
    folder.start(RESTING, resume=False)

    def stop(progress):
        batches.append(progress)
        return len(batches) == stop_after

    for record in broken.trainer.run(on_batch=stop):
        records.append(folder.records, record)
    save_checkpoint(folder, broken)
    resumed = Experiment.from_config(RESTING)
    assert load_checkpoint(folder, resumed) == []
    rest = list(resumed.trainer.run())
    assert [r["shown"] for r in rest] == [r["shown"] for r in expected[-len(rest) :]]
    layers = zip(resumed.net.layers, unbroken.net.layers, strict=True)
    assert all(torch.equal(a.w, b.w) for a, b in layers)


def test_an_epoch_in_which_all_samples_rest_is_recorded_as_one_without_mistakes(mnist):
    experiment = Experiment.from_config(dataclasses.replace(RESTING, epochs=2))
    repetition = experiment.trainer.repetition
    assert repetition is not None
    repetition.note = lambda epoch, members, lead: Repetition.note(
        repetition, epoch, members, torch.full_like(lead, 99.0)
    )  # type: ignore[method-assign]
    first, second = experiment.trainer.run()
    assert first["shown"] > 0 and second["shown"] == 0 and second["train_accuracy"] == 1.0


def test_repetition_needs_samples_it_can_tell_apart_and_an_output_it_can_count():
    net = Network((4, 3, 2))
    params = TrainParams(repetition=RepetitionParams(longest=2))
    learner = LocalLearner(net, RandomDFA(net))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    loader = [(torch.zeros(3, 4), torch.zeros(3, dtype=torch.int64))]
    with pytest.raises(ValueError, match="a loader makes its own batches"):
        Trainer(learner, optimizer, loader, params=params)


def test_a_learner_that_does_not_return_its_spikes_is_refused(mnist):
    trainer = Experiment.from_config(RESTING).trainer
    step = trainer.learner.step
    trainer.learner.step = lambda spikes, labels: StepResult(*step(spikes, labels)[:3])  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="needs the output's spikes"):
        list(trainer.run())


def test_a_checkpoint_with_impossible_pauses_is_refused():
    repetition = Repetition(2, RepetitionParams(longest=4))
    with pytest.raises(ValueError, match="pauses outside 1 to 4"):
        repetition.load_state_dict(repetition.state_dict() | {"pause": torch.tensor([1, 5])})


def test_inputs_that_rarely_fire_have_no_synapses_and_stay_so(mnist):
    config = dataclasses.replace(RESTING, input_share=0.1, epochs=1)
    experiment = Experiment.from_config(config)
    seldom = rarely_active(experiment.train_set, config)
    assert 200 < int(seldom.sum()) < 700
    spikes = spikes_of(experiment.train_set, torch.arange(len(experiment.train_set)), config.steps)
    assert torch.equal(seldom, spikes.any(0).float().mean(0) < 0.1)
    list(experiment.trainer.run())
    w = experiment.net.layers[0].w
    assert not w[:, seldom].any() and bool(w[:, ~seldom].all())


def test_a_share_that_no_input_reaches_is_refused(mnist):
    with pytest.raises(ValueError, match="no input fires in that share"):
        Experiment.from_config(dataclasses.replace(RESTING, input_share=0.9999, steps=1))
