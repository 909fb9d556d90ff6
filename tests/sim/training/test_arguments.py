"""A trainer is refused before its first batch where its parts do not fit."""

from __future__ import annotations

import pytest
import torch

from biograd import (
    Classes,
    ImageSet,
    LocalLearner,
    Network,
    RandomDFA,
    Trainer,
    TrainParams,
    evaluate,
)
from biograd.training import arguments

IMAGES = ImageSet("random", "train", torch.rand(9, 6), torch.arange(9) % 3, 3)


def trainer(**changes):
    net = Network((6, 5, 3))
    parts = {
        "learner": LocalLearner(net, RandomDFA(net)),
        "optimizer": torch.optim.SGD(net.parameters(), lr=0.1),
        "train_set": IMAGES,
        "params": TrainParams(epochs=1, batch=3, steps=4),
    }
    return Trainer(**(parts | changes))


def test_an_object_of_another_kind_is_named_with_what_is_needed():
    net, readout = Network((6, 5, 3)), Classes()
    for learner in (None, net, LocalLearner, {}):
        with pytest.raises(TypeError, match=r"^learner is [^\n]*; need a learner, e\.g\. Local"):
            arguments.check_learner(learner)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for scheduler in (0.1, "cosine", torch.optim.lr_scheduler.StepLR):
        with pytest.raises(TypeError, match=r"^scheduler is [^\n]*; need a torch scheduler"):
            arguments.check_steppers(net, optimizer, scheduler)
    for encoder in ("latency", 7, torch.Tensor):
        with pytest.raises(TypeError, match=r"^encoder is [^\n]*; need a function, e\.g\. integr"):
            arguments.check_encoder(encoder)
    for samples in ("mnist", torch.rand(9, 6), None, 3, {}, ImageSet):
        with pytest.raises(TypeError, match=r"^test_set is [^\n]*; need samples with labels"):
            arguments.check_samples(net, samples, readout, "test_set")


def test_what_fits_is_taken():
    net = Network((6, 5, 3))
    arguments.check_learner(LocalLearner(net, RandomDFA(net)))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    arguments.check_steppers(net, optimizer, torch.optim.lr_scheduler.StepLR(optimizer, 1))
    arguments.check_encoder(None)
    arguments.check_samples(net, [(torch.rand(4, 6), torch.arange(4) % 3)], Classes(), "train_set")


def test_unconnected_inputs_are_truth_values_of_every_input():
    for wrong in (torch.ones(5, dtype=torch.bool), torch.ones(6)):
        with pytest.raises(ValueError, match=r"^unconnected is [^\n]*bool tensor \[6\]$"):
            arguments.check_unconnected(wrong, 6)


def test_a_listener_takes_the_progress():
    for wrong in (lambda: None, "print", {}):
        with pytest.raises(TypeError, match=r"^on_batch is [^\n]*; need a function of one"):
            arguments.check_listener(wrong)
    arguments.check_listener(print)  # in C: it has no signature of its own
    assert next(trainer().run(on_batch=lambda progress: None))["epoch"] == 1


def test_a_set_without_a_test_set_is_not_evaluated():
    with pytest.raises(ValueError, match=r"^the trainer has no test_set: give it one"):
        trainer().evaluate()


def test_a_seed_whose_epochs_do_not_fit_64_bits_is_refused():
    with pytest.raises(ValueError, match=r"^seed is 10000000000000; need"):
        trainer(seed=10**13)


@pytest.mark.parametrize(("name", "value"), [("steps", 0), ("batch", -1), ("threads", 0)])
def test_numbers_of_an_evaluation_are_in_range(name, value):
    with pytest.raises(ValueError, match=rf"^{name} is {value}; need at least 1$"):
        evaluate(Network((6, 3)), IMAGES, **{name: value})


def test_a_trainer_says_where_it_stands_and_when_it_has_finished():
    run = trainer()
    assert repr(run).endswith("SGD, 0 of 1 epochs and 0 batches)")
    list(run.run())
    assert repr(run).endswith("SGD, 1 of 1 epochs and 0 batches, finished)")
