"""A user's DataLoader in the Trainer: the same learning, and the same bits after a stop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset

from biograd.data.loaders import batches_of, drawn
from biograd.data.samples import Batch, encode
from biograd.data.spike_sets import SpikeSet
from biograd.encoders import integrate_and_fire
from biograd.feedback import SleepAligned
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.sleep import SleepParams
from biograd.training.evaluation import evaluate
from biograd.training.trainer import Trainer, TrainParams

SOME = np.load(Path(__file__).parents[2] / "mnist_test_images.npz")
X, Y = (
    torch.from_numpy(SOME["train_x"][:200]),
    torch.from_numpy(SOME["train_y"][:200].astype(np.int64)),
)
SHORT = SleepParams(every=4, phases=1, first_night=2, steps=50)


def trainer(train_set, test_set=None, *, epochs=2, seed=0, **changes):
    generator = torch.Generator().manual_seed(seed)
    net = Network((784, 30, 10), generator=generator)
    learner = LocalLearner(net, SleepAligned(net, generator=generator))
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    params = TrainParams(epochs=epochs, batch=20, steps=6)
    return Trainer(
        learner,
        optimizer,
        train_set,
        params=params,
        test_set=test_set,
        sleep=SHORT,
        seed=seed,
        **changes,
    )


def weights(some):
    return torch.cat([parameter.flatten() for parameter in some.learner.net.parameters()])


class Noisy(Dataset):
    """A map-style data set with a random transform."""

    def __len__(self):
        return len(X)

    def __getitem__(self, index):
        noise = torch.rand(28, 28) < 0.05
        return torch.where(noise, torch.zeros(()), X[index] / 255), int(Y[index])


def test_batches_of_a_list_train_as_images_do():
    # the trainer's own, of seed 0 and epoch 0
    order = torch.randperm(200, generator=torch.Generator().manual_seed(0))
    of_images = trainer(Batch(X, Y), Batch(X, Y), epochs=1)
    of_loader = trainer([(X[part], Y[part]) for part in order.split(20)], [(X, Y)], epochs=1)
    (a,), (b,) = of_images.run(), of_loader.run()
    assert torch.equal(weights(of_images), weights(of_loader))
    timed = {"seconds", "night_seconds", "samples_per_second"}
    assert {k: v for k, v in a.items() if k not in timed} == {
        k: v for k, v in b.items() if k not in timed
    }
    assert b["samples"] == 200 and b["test_accuracy"] > 0.2  # chance is 0.1


@pytest.mark.parametrize("generator", [None, 7])
def test_a_run_on_a_dataloader_stopped_within_an_epoch_goes_on_to_the_same_bits(generator):
    def loader():
        seeded = None if generator is None else torch.Generator().manual_seed(generator)
        return DataLoader(Noisy(), batch_size=32, shuffle=True, generator=seeded)

    whole = trainer(loader())
    records = list(whole.run())
    broken = trainer(loader())
    assert not list(broken.run(on_batch=lambda p: p.batch == 3))  # within the first epoch
    torch.manual_seed(99)
    torch.rand(5)
    resumed = trainer(loader())
    resumed.load_state_dict(broken.state_dict())
    rest = list(resumed.run())
    assert torch.equal(weights(whole), weights(resumed))
    assert [r["train_accuracy"] for r in rest] == [r["train_accuracy"] for r in records]


def test_epochs_differ_and_the_global_generator_comes_back_as_it_was():
    loader = DataLoader(Noisy(), batch_size=32, shuffle=True)
    torch.manual_seed(5)
    first, again, second = ([y.tolist() for _, y in drawn(loader, seed)] for seed in (0, 0, 1))
    assert first == again and first != second
    after = torch.rand(3)
    torch.manual_seed(5)
    assert torch.equal(after, torch.rand(3))


def test_a_loader_of_spikes_needs_no_encoder():
    spikes = encode(X, integrate_and_fire, 6)
    images = trainer([(X[:20], Y[:20]), (X[20:40], Y[20:40])], [(X, Y)], epochs=1)
    trains = trainer(
        [(spikes[:, :20], Y[:20]), (spikes[:, 20:40], Y[20:40])],
        [(spikes, Y)],
        epochs=1,
        encoder=None,
    )
    (a,), (b,) = images.run(), trains.run()
    assert (
        torch.equal(weights(images), weights(trains)) and a["test_accuracy"] == b["test_accuracy"]
    )


def test_a_loader_that_cannot_tell_its_length_trains_too():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter(TensorDataset(X[:50], Y[:50]))

    some = trainer(DataLoader(Stream(), batch_size=20), epochs=2)
    calls = []
    records = list(some.run(on_batch=lambda p: calls.append((p.batch, p.batches))))
    assert batches_of(DataLoader(Stream())) == 0 and calls == [(1, 0), (2, 0), (3, 0)] * 2
    assert [record["samples"] for record in records] == [50, 100]


def test_a_loader_is_measured_as_images_are():
    net = trainer(Batch(X, Y)).learner.net
    of_images, of_loader = (
        evaluate(net, Batch(X, Y), steps=6),
        evaluate(net, DataLoader(TensorDataset(X, Y), batch_size=70), steps=6),
    )
    assert torch.equal(of_images.predicted, of_loader.predicted)
    assert of_images.test_accuracy == of_loader.test_accuracy and of_images.rates == pytest.approx(
        of_loader.rates
    )


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        ([], "no batches"),
        ([X[:4]], "gives a Tensor; need pairs"),
        ([(X[:4], Y[:4], Y[:4])], "gives a tuple of 3; need pairs"),
        ([{"x": X[:4], "y": Y[:4]}], "gives a dict of 2; need pairs"),
        ([(X[:4], Y[:4].float())], r"labels are torch.float32 of shape \(4,\)"),
        ([(X[:4], Y[:4, None])], r"labels are torch.int64 of shape \(4, 1\)"),
        ([(X[:4], Y[:3])], "4 images and 3 labels"),
        ([(X[:4, :5], Y[:4])], "140 pixels and the network 784 inputs"),
        ([(X[:4], Y[:4] + 9)], "labels run from 9"),
        ([(X[:4].float(), Y[:4])], r"outside 0\.\.1"),
    ],
)
def test_a_batch_that_does_not_fit_is_refused_in_one_line(batches, message):
    with pytest.raises(ValueError, match=message) as refused:
        list(trainer(batches).run())
    assert "\n" not in str(refused.value)


def test_a_generator_and_spikes_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="iterated only once"):
        list(trainer(iter([(X[:4], Y[:4])])).run())
    with pytest.raises(
        ValueError, match=r"spikes have the shape \(4, 28, 28\); need \[T, 4, 784\]"
    ):
        list(trainer([(X[:4], Y[:4])], encoder=None).run())
    with pytest.raises(ValueError, match="the samples are images: name an encoder"):
        list(trainer(Batch(X, Y), encoder=None).run())


def test_a_loader_of_spike_trains_is_refused_for_the_set_itself_but_not_a_users_own_batches():
    s = encode(X[:20], integrate_and_fire, 6).transpose(0, 1)
    members = SpikeSet(s=s, y=Y[:20], classes=10)
    for samples in (members, Subset(members, range(10))):
        with pytest.raises(ValueError, match=r"samples of a SpikeSet.*pass the set itself"):
            list(trainer(DataLoader(samples, batch_size=10), encoder=None).run())

    def steps_first(batch):
        return torch.stack([s for s, _ in batch], 1), torch.stack([y for _, y in batch])

    own = DataLoader(members, batch_size=20, collate_fn=steps_first)
    plain = trainer([(s.transpose(0, 1), Y[:20])], encoder=None)
    assert [r["mean_abs_error"] for r in trainer(own, encoder=None).run()] == [
        r["mean_abs_error"] for r in plain.run()
    ]
