"""A state that does not fit is refused in one line, and nothing has changed then."""

from __future__ import annotations

import copy

import pytest
import torch

from biograd import ImageSet, LocalLearner, Network, SleepAligned, SleepParams, Trainer, TrainParams
from biograd.training.state import check_state


def trainer(hidden=5, **options):
    net = Network((6, hidden, 3), generator=torch.Generator().manual_seed(0))
    images = ImageSet("random", "train", torch.rand(9, 6), torch.arange(9) % 3, 3)
    return Trainer(
        LocalLearner(net, SleepAligned(net)),
        torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.5),
        images,
        params=TrainParams(epochs=2, batch=3, steps=4),
        sleep=SleepParams(first_night=1, steps=10),
        **options,
    )


def test_a_state_comes_back_as_it_was():
    run, other = trainer(), trainer()
    next(run.run())
    other.load_state_dict(copy.deepcopy(run.state_dict()))
    assert (other.epoch, other.batch) == (1, 0)
    assert torch.equal(other.learner.net.layers[0].w, run.learner.net.layers[0].w)
    assert torch.equal(other.generator.get_state(), run.generator.get_state())


@pytest.mark.parametrize(
    "key", ["net", "feedback", "optimizer", "generator", "rates", "position", "scheduler"]
)
def test_a_state_without_one_of_its_parts_is_refused(key):
    run = trainer()
    state = {name: part for name, part in run.state_dict().items() if name != key}
    with pytest.raises(ValueError, match=rf"^the state lacks {key}: pass what Trainer"):
        run.load_state_dict(state)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rates": torch.zeros(7)}, r"the state's trainer has 'rates' of shape \(7,\), and this"),
        ({"generator": torch.zeros(3, dtype=torch.uint8)}, "the state's trainer has 'generator'"),
        ({"position": {}}, "the state's position lacks epoch"),
        ({"optimizer": {}}, "the state's optimizer holds groups of None tensors"),
    ],
)
def test_a_part_of_other_sizes_is_named(changes, message):
    run = trainer()
    with pytest.raises(ValueError, match=f"^{message}"):
        run.load_state_dict({**run.state_dict(), **changes})


def test_a_state_of_a_wider_network_changes_nothing():
    run = trainer()
    before = copy.deepcopy(run.state_dict())
    with pytest.raises(ValueError, match=r"^the state's net has [^\n]*: make the trainer of the s"):
        run.load_state_dict(trainer(hidden=7).state_dict())
    assert torch.equal(run.learner.net.layers[0].w, before["net"]["layers.0.w"])


@pytest.mark.parametrize("state", [None, "state", [], torch.zeros(3)])
def test_what_is_no_state_is_refused(state):
    with pytest.raises(TypeError, match=r"^state is [^\n]*; need a dictionary"):
        check_state(state, trainer().state_dict())
