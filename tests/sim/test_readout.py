"""What outputs mean: classes as ever, and real numbers, learned by the same error neurons, feedback
and rules.
"""

from __future__ import annotations

import json
import math
from typing import Any

import jaxtyping
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.report import render
from biograd.data.datasets import ImageSet
from biograd.data.events.recording import Events, Sensor
from biograd.data.events.sets import EventSet, SpikeSet
from biograd.data.samples import encode
from biograd.encoders import integrate_and_fire
from biograd.errors import ERRORS, ClassWeighted, FinalRate, SignedSpikes
from biograd.feedback import RandomDFA, SleepAligned, Symmetric, true_path
from biograd.interop.nir import to_model
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.neurons import TwoCompartmentLIF, TwoCompartmentParams
from biograd.readout import Classes, Values
from biograd.rules import RULES, Eligibility
from biograd.runs import checkpoint, records
from biograd.runs.checkpoint import RunFolder
from biograd.runs.config import RunConfig
from biograd.runs.experiment import Experiment
from biograd.sleep import SleepParams
from biograd.traces import TraceParams
from biograd.training.callbacks import EarlyStopping
from biograd.training.evaluation import evaluate
from biograd.training.trainer import Trainer, TrainParams
from hardware import emulator
from hardware.border.model import SpikeInput
from hardware.fixed_point import quantise

STEPS, BATCH = 12, 6
NO_MEMORY: dict[str, float] = {"alpha_u": 0.0, "alpha_v": 0.0}


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def a_net(*sizes: int, **neuron: float) -> Network:
    net = Network(
        sizes, neuron=TwoCompartmentLIF(TwoCompartmentParams(**neuron)), generator=seeded(0)
    )
    for layer in net.layers:
        layer.w *= 2
        layer.b.uniform_(-0.1, 0.2, generator=seeded(1))
    return net


def a_batch(inputs: int = 9, values: int = 2) -> tuple[Tensor, Tensor]:
    """Spikes, and targets between -3 and 5."""
    spikes = (torch.rand(STEPS, BATCH, inputs, generator=seeded(2)) < 0.4).float()
    return spikes, torch.rand(BATCH, values, generator=seeded(3)) * 8 - 3


class Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, v: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(slope)
        return (v > 1).to(v.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad * ctx.saved_tensors[0], None


@pytest.mark.parametrize("neurons", [1, 3])
def test_the_update_is_the_gradient_of_the_squared_error_of_the_answers(neurons: int) -> None:
    # Without memory and with the whole sample's rate, the local update is the gradient itself, by
    # autograd and written apart.
    net = a_net(9, 15, 2 * neurons, **NO_MEMORY).double()
    spikes, y = (x.double() for x in a_batch())
    readout, rule = (
        Values(-3.0, 5.0, neurons=neurons),
        Eligibility(TraceParams(alpha_x=0.0, alpha_z=0.0)),
    )
    LocalLearner(net, Symmetric(net), error=FinalRate(), rule=rule, readout=readout).step(spikes, y)

    w1, b1, w2, b2 = weights = [p.detach().clone().requires_grad_() for p in net.parameters()]
    v1 = spikes @ w1.T + b1
    s1 = Spike.apply(v1, ((v1.detach() - 1).abs() < 1).double())
    v2 = s1 @ w2.T + b2
    rates = Spike.apply(v2, torch.ones_like(v2)).mean(0)
    # each neuron of a value answers by itself: the loss of every one counts
    answers = -3 + 8 * rates
    (0.5 * ((y.repeat_interleave(neurons, 1) - answers) / 8).pow(2).sum() / BATCH).backward()

    scale = true_path(net, 0).pow(2).mean().sqrt()  # Symmetric feeds back at unit root mean square
    for parameter, expected, unit in zip(
        net.parameters(), weights, (scale, scale, 1, 1), strict=True
    ):
        assert (
            expected.grad is not None
            and parameter.grad is not None
            and expected.grad.abs().max() > 1e-4
        )
        torch.testing.assert_close(parameter.grad, expected.grad / unit, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("error", [name for name, kind in ERRORS.items() if kind.causal])
def test_both_orders_and_any_number_of_threads_learn_the_same(error: str, rule: str) -> None:
    net = a_net(9, 15, 4)
    feedback, readout, (spikes, y) = (
        RandomDFA(net, generator=seeded(4)),
        Values((-3.0, -4.0), (5.0, 6.0), neurons=2),
        a_batch(),
    )
    seen = []
    for order, threads in (("layer", 1), ("layer", 2), ("online", 1)):
        kind: Any = {"order": order, "threads": threads}
        learner = LocalLearner(
            net, feedback, error=ERRORS[error](), rule=RULES[rule](), readout=readout, **kind
        )
        result = learner.step(spikes, y)
        seen.append(
            [
                result.predicted,
                result.error,
                *(p.grad for p in net.parameters() if p.grad is not None),
            ]
        )
    assert seen[0][0].shape == (BATCH, 2) and len(seen[0]) == 6
    for other in seen[1:]:
        # float32 sums in another order
        torch.testing.assert_close(other, seen[0], rtol=1e-4, atol=1e-6)


def test_classes_stay_what_they_were_to_the_bit() -> None:
    net, labels = a_net(9, 15, 4), torch.tensor([0, 3, 1, 2, 2, 0])
    spikes, _ = a_batch()
    seen = []
    for readout in (None, Classes()):
        LocalLearner(net, RandomDFA(net, generator=seeded(4)), readout=readout).step(spikes, labels)
        seen.append([p.grad.clone() for p in net.parameters() if p.grad is not None])
    assert all(torch.equal(a, b) for a, b in zip(*seen, strict=True)) and len(seen[0]) == 4


def test_what_is_wished_and_fired_is_answered() -> None:
    readout, y = (
        Values([-1.0, 10.0], [1.0, 20.0], neurons=3),
        torch.tensor([[-1.0, 20.0], [0.5, 12.5]]),
    )
    wished = readout.wished(y, outputs=6)
    assert wished.tolist() == [[0, 0, 0, 1, 1, 1], [0.75, 0.75, 0.75, 0.25, 0.25, 0.25]]
    assert readout.answers(wished * 8, steps=8).tolist() == y.tolist()
    apart = torch.tensor([[0.0, 3.0, 6.0, 8.0, 8.0, 2.0]])
    assert readout.answers(apart, steps=8).tolist() == [[-1 + 2 * 3 / 8, 10 + 10 * 6 / 8]]


def test_errors_are_told_in_the_targets_unit() -> None:
    answers, y = torch.tensor([[1.0, 0.0], [3.0, 0.0]]), torch.tensor([[0.0, 2.0], [4.0, -2.0]])
    found = Values(-9, 9).measured(answers, y)
    assert found["rmse"] == pytest.approx(math.sqrt((1 + 4 + 1 + 4) / 4))
    # second value: no better than its mean
    assert found["r2"] == pytest.approx(((1 - 2 / 8) + (1 - 8 / 8)) / 2)
    # a sum over samples of the mean over values
    assert Values(-9, 9).score(answers, y).item() == pytest.approx(5)
    flat = torch.ones(2, 1)
    # a value that never varies is no test
    assert math.isnan(Values(-9, 9).measured(flat, flat)["r2"])


def images(n: int, seed: int) -> ImageSet:
    """Sixteen pixels, and two numbers that are functions of several of them."""
    x = torch.rand(n, 16, generator=seeded(seed))
    y = torch.stack([10 * (x[:, :8].mean(1) - x[:, 8:].mean(1)), x[:, 0] * x[:, 1]], 1)
    return ImageSet("functions", "train", x, y, classes=8)


RANGES: Any = ((-6.0, 0.0), (6.0, 1.0))
SHORT = SleepParams(every=10, phases=1, first_night=2, steps=50)


def trainer_of(train_set: Any, test_set: Any = None, *, epochs: int = 2, **changes: Any) -> Trainer:
    generator = seeded(0)
    net = Network((16, 64, 8), generator=generator)
    learner = LocalLearner(
        net, SleepAligned(net, generator=generator), readout=Values(*RANGES, neurons=4)
    )
    params = TrainParams(epochs=epochs, batch=25, steps=16)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    return Trainer(
        learner, optimizer, train_set, params=params, test_set=test_set, sleep=SHORT, **changes
    )


@pytest.mark.slow
def test_a_network_learns_real_functions_better_than_their_means() -> None:
    trainer, kept = trainer_of(images(1000, 0), images(300, 1), epochs=8), []
    stopping = EarlyStopping(trainer.learner.net, patience=8, figure="test_r2")
    shown: list[Any] = []
    for record in trainer.run(on_batch=shown.append):
        stopping(record)
        kept.append(record)
    assert (
        kept[-1]["test_r2"] > 0.75
        and kept[-1]["test_rmse"] < 0.6 * kept[0]["test_rmse"]
        and stopping.best > 0.75
    )
    assert not any("accuracy" in name for name in kept[-1])
    assert kept[-1]["train_rmse"] == pytest.approx(shown[-1].figures["rmse"]) and math.isnan(
        shown[-1].train_accuracy
    )
    found = trainer.evaluate()
    assert found.predicted.shape == (300, 2) and found.figures["r2"] == pytest.approx(
        kept[-1]["test_r2"]
    )
    assert math.isnan(found.test_accuracy)


def test_images_loaders_and_trains_of_values_teach_the_same() -> None:
    shown = images(100, 0)
    order = torch.randperm(100, generator=seeded(0))  # the trainer's own, of seed 0 and epoch 0
    spikes = encode(shown.x, integrate_and_fire, 16)
    members = SpikeSet(s=spikes.transpose(0, 1), y=shown.y, classes=8)
    loaded = [(shown.x[part], shown.y[part]) for part in order.split(25)]
    of_spikes = [(spikes[:, part], shown.y[part]) for part in order.split(25)]
    ways = (
        trainer_of(shown, shown),
        trainer_of(members, members),
        trainer_of(loaded),
        trainer_of(of_spikes, encoder=None),
    )
    told = [next(trainer.run()) for trainer in ways]
    assert (
        told[0]["test_rmse"] == told[1]["test_rmse"]
        and len({record["train_rmse"] for record in told}) == 1
    )
    for other in ways[1:]:
        pairs = zip(ways[0].learner.net.parameters(), other.learner.net.parameters(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("loader", [False, True])
def test_a_run_on_values_stopped_within_an_epoch_goes_on_to_the_same_bits(loader: bool) -> None:
    shown = images(200, 0)

    def source() -> Any:
        return (
            DataLoader(TensorDataset(shown.x, shown.y), batch_size=25, shuffle=True)
            if loader
            else shown
        )

    whole = trainer_of(source())
    told = list(whole.run())
    broken = trainer_of(source())
    assert not list(broken.run(on_batch=lambda p: p.batch == 3))
    resumed = trainer_of(source())
    resumed.load_state_dict(broken.state_dict())
    rest = list(resumed.run())
    assert [r["train_rmse"] for r in rest] == [r["train_rmse"] for r in told]
    assert all(
        torch.equal(a, b)
        for a, b in zip(
            whole.learner.net.parameters(), resumed.learner.net.parameters(), strict=True
        )
    )


def test_a_run_folder_takes_values_and_gives_them_back(tmp_path: Any) -> None:
    config = RunConfig(hidden=(64,), epochs=2)

    def experiment() -> Experiment:
        trainer = trainer_of(images(100, 0), images(50, 1))
        assert isinstance(trainer.learner, LocalLearner)
        return Experiment(config, images(100, 0), images(50, 1), trainer.learner, trainer)

    folder, first = RunFolder(tmp_path / "run"), experiment()
    folder.start(config, resume=False)
    run = first.trainer.run(on_batch=lambda p: (p.epoch, p.batch) == (1, 2))
    records.append(folder.records, next(run))
    assert not list(run)
    checkpoint.save_checkpoint(folder, first)
    again = experiment()
    assert not checkpoint.load_checkpoint(folder, again)
    (last,), (same,) = list(first.trainer.run()), list(again.trainer.run())
    timed = {"seconds", "night_seconds", "samples_per_second"}
    assert {k: v for k, v in last.items() if k not in timed} == {
        k: v for k, v in same.items() if k not in timed
    }
    records.append(folder.records, same)
    assert json.loads(folder.records.read_text().splitlines()[-1])["test_r2"] == last["test_r2"]
    render.write(records.read(folder.records), tmp_path / "report.html")
    assert "<html" in (tmp_path / "report.html").read_text()


def test_values_leave_the_chips_integers_as_they_leave_the_simulator() -> None:
    trainer = trainer_of(images(300, 0), epochs=4)
    for _ in trainer.run():
        pass
    net, readout, shown = trainer.learner.net, Values(*RANGES, neurons=4), images(100, 1)
    spikes = encode(shown.x, integrate_and_fire, 16)
    there = emulator.run(
        quantise(to_model(net, None, steps=16, encoder="integrate_and_fire", info={})),
        SpikeInput(spikes=spikes.numpy().astype(np.uint8)),
    )
    answers = readout.answers(torch.from_numpy(there.counts).float(), 16)
    here = evaluate(net, shown, readout=readout, steps=16)
    # eight-bit weights move a few spikes
    assert readout.measured(answers, here.predicted)["r2"] > 0.98


def test_recordings_may_have_values_too() -> None:
    one = Events(*(np.array([number]) for number in (3, 2, 0, 750)))
    train = EventSet.of(
        [one] * 4, np.array([[0.5], [1.0], [0.0], [0.25]]), sensor=Sensor(4, 3), window=1000
    )
    assert (
        train.classes == 1
        and train.y.dtype == torch.float32
        and train.subset([1, 2]).y.tolist() == [[1.0], [0.0]]
    )
    net = Network((train.inputs, 1))
    trainer = Trainer(
        LocalLearner(net, RandomDFA(net), readout=Values(0, 1)),
        torch.optim.Adam(net.parameters()),
        train,
    )
    assert next(trainer.run())["train_rmse"] > 0


@pytest.mark.parametrize(
    ("y", "says"),
    [
        (torch.zeros(BATCH), r"need real numbers \[B, 2\]"),
        (torch.zeros(BATCH, 3), r"of shape \(6, 3\): need real numbers \[B, 2\]"),
        (torch.zeros(BATCH, 2, dtype=torch.int64), "targets are torch.int64"),
        (torch.full((BATCH, 2), math.nan), "hold values that are not finite"),
        (torch.full((BATCH, 2), math.inf), "hold values that are not finite"),
        (
            torch.full((BATCH, 2), 5.5),
            r"run from 5.5 to 5.5 and the readout from -3 to 5: widen Values\(low, high\)",
        ),
        (torch.zeros(0, 2), "at least one sample"),
    ],
)
def test_targets_that_are_none_are_refused_in_one_line(
    y: Tensor, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # as users run: the check of types would speak first
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    net, (spikes, _) = a_net(9, 2), a_batch()
    learner = LocalLearner(net, RandomDFA(net), readout=Values(-3.0, 5.0))
    with pytest.raises(ValueError, match=says) as refused:
        learner.step(spikes, y)
    assert "\n" not in str(refused.value)
    shown = ImageSet("x", "train", torch.zeros(len(y), 9), y, classes=2)
    for make in (
        lambda: Trainer(learner, torch.optim.Adam(net.parameters()), shown),
        lambda: next(loaded(learner, shown).run()),
    ):
        with pytest.raises(ValueError) as refused:
            make()
        assert "\n" not in str(refused.value)


def loaded(learner: LocalLearner, shown: ImageSet) -> Trainer:
    return Trainer(learner, torch.optim.Adam(learner.net.parameters()), [(shown.x, shown.y)])


def test_readouts_and_networks_that_do_not_fit_are_refused_in_one_line() -> None:
    (spikes, y), net = a_batch(), a_net(9, 3)
    with pytest.raises(
        ValueError,
        match=(
            r"^the network has 3 outputs, 2 a value: make its last size 2 times the number of"
            r" values$"
        ),
    ):
        LocalLearner(net, RandomDFA(net), readout=Values(-3, 5, neurons=2)).step(spikes, y)
    with pytest.raises(
        ValueError,
        match=r"^the network has 3 outputs, 1 a value and 2 ranges: make its last size 1 times",
    ):
        LocalLearner(net, RandomDFA(net), readout=Values([-3, -3], [5, 5])).step(
            spikes, torch.zeros(BATCH, 3)
        )
    for low, high in ((1.0, 1.0), (0.0, math.inf), (math.nan, 1.0), ((), ())):
        with pytest.raises(ValueError, match="are no ranges; need finite numbers, low < high"):
            Values(low, high)
    with pytest.raises(ValueError, match="2 low ends and 1 high ends"):
        Values([0, 0], 1)
    with pytest.raises(ValueError, match="neurons is 0"):
        Values(0, 1, neurons=0)
    weighted = ClassWeighted(SignedSpikes(), torch.ones(3))
    with pytest.raises(ValueError, match="class weights have no meaning where Values are read"):
        LocalLearner(net, RandomDFA(net), error=weighted, readout=Values(0, 1))
    with pytest.raises(
        ValueError,
        match=(
            r"labels are torch.float32 of shape \(6, 2\).*or readout=Values\(low, high\) for real"
            r" values$"
        ),
    ):
        LocalLearner(net, RandomDFA(net)).step(spikes, y)
