"""Training and measuring."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from arrays import array, labels, spikes
from case import OPEN, WRONG, Call, Slot, case
from material import Draw
from samples import samples_slot
from scalars import flag, instead, number, thing, whole

import biograd as bg

from .data import change_slot, encoder_slot, steps_slot
from .feedback import net_slot


def _set(draw: Draw) -> bg.ImageSet | bg.SpikeSet:
    """Images in all variants but one, which has spike trains."""
    return draw.trains() if draw.variant == 2 else draw.images()


def net_for(draw: Draw) -> bg.Network:
    """A network of two layers of weights, in float32."""
    return draw.net(kind=draw.variant % 3, deep=False)


@case("evaluate")
def _(draw: Draw) -> Call:
    net = net_for(draw)
    other = bg.Network((draw.N + 1, draw.C))
    readout = thing(bg.Classes(), ("values", bg.Values(0.0, 1.0), WRONG), optional=True)
    trains = draw.variant == 2
    return Call(
        bg.evaluate,
        net=net_slot(net, ("of more inputs", other, WRONG)),
        images=samples_slot(draw, _set(draw)),
        encoder=_encoder(draw),
        readout=readout,
        steps=whole(draw.T, tied=True) if trains else steps_slot(draw.T),
        batch=whole(4).expecting(OPEN, "huge"),
        threads=whole(1 + draw.variant % 2).expecting(OPEN, "huge"),
        seed=_seed(),
    )


def _encoder(draw: Draw) -> Slot:
    """The encoder of images; spike trains need none."""
    slot = encoder_slot(bg.integrate_and_fire)
    return slot.expecting(OPEN) if draw.variant == 2 else slot


def _seed() -> Slot:
    """A seed: any whole number that torch takes."""
    return whole(0, low=None).expecting(WRONG, "huge").expecting(OPEN, "1,000")


def trainer_of(draw: Draw, **changes) -> bg.Trainer:
    net = net_for(draw)
    learner = bg.LocalLearner(net, draw.feedback(net))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    options = {"params": _params(draw), "test_set": draw.images(), "sleep": _night()} | changes
    return bg.Trainer(learner, optimizer, draw.images(), **options)


def _params(draw: Draw) -> bg.TrainParams:
    return bg.TrainParams(epochs=1, batch=3, steps=draw.T)


def _night() -> bg.SleepParams:
    return bg.SleepParams(every=2, phases=1, first_night=1, steps=10)


@case("Trainer")
def _(draw: Draw) -> Call:
    net = net_for(draw)
    feedback = draw.feedback(net)
    learner = bg.LocalLearner(net, feedback)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    value = _set(draw)

    def run(**arguments):
        trainer = bg.Trainer(**arguments)
        record = next(trainer.run())
        return record, [layer.w for layer in trainer.learner.net.layers]

    repeated = bg.TrainParams(
        epochs=1, batch=3, steps=draw.T, repetition=bg.RepetitionParams(longest=2)
    )
    return Call(
        run,
        default=OPEN,
        learner=thing(learner, ("its network", net, WRONG), ("its feedback", feedback, WRONG)),
        optimizer=thing(
            optimizer,
            ("of another network", torch.optim.SGD(draw.net().parameters(), lr=0.1), WRONG),
            ("its parameters", list(net.parameters()), WRONG),
        ),
        train_set=samples_slot(draw, value),
        params=thing(
            _params(draw),
            ("a dict", {"epochs": 1}, WRONG),
            ("with repetition", repeated, OPEN),
            ("of sleep", _night(), WRONG),
            optional=True,
        ).expecting(OPEN, "None"),
        test_set=samples_slot(draw, value, optional=True),
        scheduler=thing(torch.optim.lr_scheduler.ConstantLR(optimizer, 1), optional=True),
        encoder=_encoder(draw),
        augmentation=change_slot(elastic=True).expecting(OPEN, "bent"),
        sleep=thing(
            _night(), ("a number", 3, WRONG), ("of training", _params(draw), WRONG), optional=True
        ).expecting(OPEN, "None"),
        unconnected=_unconnected(draw),
        seed=_seed(),
    )


def _unconnected(draw: Draw) -> Slot:
    slot = array(torch.arange(draw.N) % 3 == 0, tied=(0,), optional=True)
    return (
        slot.expecting(OPEN, "as obj")
        + instead(
            0,
            ("as indices", torch.tensor([0, 1]), WRONG),
            ("as int64", (torch.arange(draw.N) % 3 == 0).long(), OPEN),
            ("as floats", (torch.arange(draw.N) % 3 == 0).float(), OPEN),
            ("all of them", torch.ones(draw.N, dtype=torch.bool), OPEN),
        ).mutations
    )


@case("Trainer.run")
def _(draw: Draw) -> Call:
    trainer = trainer_of(draw)
    hook = thing(
        lambda progress: False, ("one that takes nothing", lambda: None, WRONG), optional=True
    )
    return Call(lambda on_batch: list(trainer.run(on_batch=on_batch)), on_batch=hook, default=OPEN)


@case("Trainer.day")
def _(draw: Draw) -> Call:
    trainer = trainer_of(draw)
    s = (draw.rand(draw.T, draw.B, draw.N) < 0.4).float()
    weights = [layer.w for layer in trainer.learner.net.layers]

    def day(spikes, labels):
        trainer.day(spikes, labels)
        return weights

    slot = spikes(s, tied=(1, 2)).expecting(WRONG, "axis 0 empty")
    return Call(day, spikes=slot, labels=labels(draw.labels(draw.B), draw.C), default=OPEN)


@case("Trainer.night")
def _(draw: Draw) -> Call:
    trainer = trainer_of(draw)
    weights = [layer.w for layer in trainer.learner.net.layers]

    def night(first):
        trainer.night(first=first)
        return weights

    return Call(night, first=flag(False), default=OPEN)


@case("Trainer.load_state_dict")
def _(draw: Draw) -> Call:
    trainer, other = trainer_of(draw), trainer_of(Draw("another", draw.variant))
    state = trainer.state_dict()

    def changed(**parts):
        return {**copy.deepcopy(state), **parts}

    lacking = [
        (f"without {key}", {k: v for k, v in state.items() if k != key}, WRONG)
        for key in state
        if key != "scheduler"  # there is none
    ]
    slot = thing(
        state,
        *lacking,
        ("of other sizes", other.state_dict(), WRONG),
        ("of the network alone", trainer.learner.net.state_dict(), WRONG),
        ("with rates of other sizes", changed(rates=torch.zeros(7)), WRONG),
        ("with a generator of noise", changed(generator=torch.zeros(3, dtype=torch.uint8)), WRONG),
        ("with a position of None", changed(position=None), WRONG),
        ("with an empty position", changed(position={}), WRONG),
        ("with an extra key", changed(more=1), OPEN),
    )

    def load(state):
        trainer.load_state_dict(state)
        return [layer.w for layer in trainer.learner.net.layers]

    return Call(load, state=slot)


@case("Trainer.evaluate")
def _(draw: Draw) -> Call:
    trainer = trainer_of(draw)
    test_set = instead(trainer.test_set, ("None", None, WRONG))

    def measure(test_set):
        trainer.test_set = test_set
        return trainer.evaluate()

    return Call(measure, test_set=test_set)


@case("find_lr")
def _(draw: Draw) -> Call:
    net = bg.Network((draw.N, draw.C), generator=draw.seeded())
    x = torch.eye(draw.C).repeat_interleave(4, 0) * 0.9
    x = torch.nn.functional.pad(x, (0, draw.N))[:, : draw.N]
    images = bg.ImageSet("bars", "train", x, torch.arange(draw.C).repeat_interleave(4), draw.C)
    optimizer = torch.optim.Adam(net.parameters())
    learner = bg.LocalLearner(net, bg.RandomDFA(net))
    trainer = bg.Trainer(learner, optimizer, images, params=bg.TrainParams(batch=5), sleep=_night())

    def search(trainer, low, high, batches):
        try:
            return bg.find_lr(trainer, low=low, high=high, batches=batches)
        except ValueError as error:
            if "never fell" in str(error):  # an answer, not a refusal
                return None
            raise

    low = number(1e-4, 0.0, 1.0, ends="()")
    return Call(
        search,
        default=OPEN,
        trainer=thing(trainer, ("its learner", learner, WRONG), ("its network", net, WRONG)),
        low=low.expecting(OPEN, "as a tensor"),
        high=number(1.0, 1e-4, ends="()").expecting(OPEN, "as a tensor", "True"),
        batches=whole(20, low=10).without("1,000 times", "huge").expecting(OPEN, "as "),
    )


@case("Experiment.from_config")
def _(draw: Draw) -> Call:
    config = bg.RunConfig(hidden=(draw.H,), epochs=1, batch=10, steps=4, sleep=_night(), threads=1)
    wrong = [("a path", Path("config.toml"), WRONG), ("of training", bg.TrainParams(), WRONG)]

    def run(config, progress):
        experiment = bg.Experiment.from_config(config, progress=progress)
        return next(experiment.trainer.run())

    return Call(
        run,
        default=OPEN,
        config=thing(config, ("a preset's name", "mnist", WRONG), *wrong),
        progress=thing(print, optional=True).expecting(OPEN),
    )


@case("Experiment", most=4)
def _(draw: Draw) -> Call:
    trainer = trainer_of(draw)
    parts = (bg.RunConfig(), trainer.train_set, trainer.test_set, trainer.learner, trainer)
    return Call(lambda of_network: bg.Experiment(*parts).net, of_network=flag(True).expecting(OPEN))


@case("keep_weight_norm")
def _(draw: Draw) -> Call:
    net = draw.net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    other = torch.optim.SGD(draw.net().parameters(), lr=0.1)
    return Call(
        bg.keep_weight_norm,
        default=OPEN,
        net=thing(net, ("its weights", net.layers[0].w, WRONG)),
        optimizer=thing(
            optimizer, ("of another network", other, WRONG), ("its class", torch.optim.SGD, WRONG)
        ),
        norm=number(2.0, 0.0, ends="()").expecting(OPEN, "as a tensor"),
    )
