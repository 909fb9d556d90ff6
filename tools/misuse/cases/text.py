"""Text, pickles and deep copies of every public object."""

from __future__ import annotations

import copy
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from case import ALIKE, VARIANTS, Call, Mutation, Slot, case
from material import PLAIN, RECURRENT, Draw, Leaky

import biograd as bg

from .events import _folder, _write_shd


def _nmnist_zip() -> bg.EventSet:
    import zipfile

    folder = _folder("nmnist-zip")
    if not (folder / "Train.zip").exists():
        with zipfile.ZipFile(folder / "Train.zip", "w") as archive:
            for label in range(3):
                archive.writestr(f"Train/{label}/0.bin", bytes([1, 2, 128, 0, 9]))
    return bg.nmnist(folder, "train")


def _nmnist_files() -> bg.EventSet:
    folder = _folder("nmnist-files")
    for label in range(3):
        (folder / "Train" / str(label)).mkdir(parents=True, exist_ok=True)
        (folder / "Train" / str(label) / "1.bin").write_bytes(bytes([1, 2, 128, 0, 9]))
    return bg.nmnist(folder, "train")


def _shd() -> bg.EventSet:
    path = _folder("shd") / "shd_train.h5"
    if not path.exists():
        _write_shd(path)
    return bg.shd(path, "train")


def _learner(draw: Draw, feedback: type = bg.SleepAligned) -> bg.LocalLearner:
    net = draw.net(kind=PLAIN)
    return bg.LocalLearner(net, feedback(net, generator=draw.seeded()))


def _trainer(draw: Draw) -> bg.Trainer:
    learner = _learner(draw)
    optimizer = torch.optim.SGD(learner.net.parameters(), lr=0.1)
    return bg.Trainer(learner, optimizer, draw.images(), params=bg.TrainParams(batch=4))


def _stopping(draw: Draw) -> bg.EarlyStopping:
    stopping = bg.EarlyStopping(draw.net(kind=PLAIN), patience=2)
    stopping({"epoch": 1, "test_accuracy": 0.5})
    return stopping


def _watched(shots: bg.EventSet) -> bg.EventSet:
    shots.spikes(torch.arange(2), 4)  # opens its file
    return shots


ZERO = torch.zeros(1, 2)
DIFFERENCE = bg.Difference("lif1 (Leaky)", "reset by subtraction", "reset_mechanism='zero'", True)
OBJECTS: dict[str, Callable[[Draw], object]] = {
    "Network": lambda draw: draw.net(kind=PLAIN),
    "Network, recurrent": lambda draw: draw.net(kind=RECURRENT),
    "Network of a user's neuron": lambda draw: bg.Network((3, 2), neuron=Leaky()),
    "Layer": lambda draw: draw.net(kind=PLAIN).layers[0],
    "TwoCompartmentLIF": lambda draw: bg.TwoCompartmentLIF(),
    "RandomDFA": lambda draw: bg.RandomDFA(draw.net(kind=PLAIN)),
    "SleepAligned": lambda draw: bg.SleepAligned(draw.net(kind=PLAIN)),
    "Symmetric": lambda draw: bg.Symmetric(draw.net(kind=PLAIN)),
    "LocalLearner": _learner,
    "LocalLearner, symmetric": lambda draw: _learner(draw, bg.Symmetric),
    "SignedSpikes": lambda draw: bg.SignedSpikes(),
    "RunningRate": lambda draw: bg.RunningRate(),
    "FinalRate": lambda draw: bg.FinalRate(),
    "ClassWeighted": lambda draw: bg.ClassWeighted(bg.SignedSpikes(), torch.ones(3)),
    "Eligibility": lambda draw: bg.Eligibility(),
    "Factorised": lambda draw: bg.Factorised(),
    "Classes": lambda draw: bg.Classes(),
    "Values": lambda draw: bg.Values([0.0, 1.0], [1.0, 2.0], neurons=3),
    "ImageSet": lambda draw: draw.images(),
    "EventSet": lambda draw: draw.recordings(),
    "EventSet of N-MNIST files": lambda draw: _nmnist_files(),
    "EventSet of an N-MNIST archive": lambda draw: _nmnist_zip(),
    "EventSet of an opened archive": lambda draw: _watched(_nmnist_zip()),
    "EventSet of SHD": lambda draw: _shd(),
    "EventSet of an opened SHD": lambda draw: _watched(_shd()),
    "SpikeSet": lambda draw: draw.trains(),
    "Events": lambda draw: draw.events(),
    "Sensor": lambda draw: draw.sensor(),
    "Trainer": _trainer,
    "EarlyStopping": _stopping,
    "TensorBoard": lambda draw: bg.TensorBoard(Path(tempfile.gettempdir()) / "board"),
    "Guard": lambda draw: bg.Guard(_trainer(draw)),
    "Difference": lambda draw: DIFFERENCE,
    "Fault": lambda draw: bg.Fault("silent", "layer 2", "is silent", "raise the learning rate"),
    "Evaluation": lambda draw: bg.Evaluation(0.5, torch.zeros(2), [0.1], 9.0, {"accuracy": 0.5}),
    "LrCurve": lambda draw: bg.LrCurve([0.1], [0.2], 0.1),
    "SomaState": lambda draw: bg.SomaState(ZERO, ZERO, ZERO),
    "Update": lambda draw: bg.Update(ZERO, ZERO),
    "RunConfig": lambda draw: bg.RunConfig(),
    "Experiment": lambda draw: bg.Experiment(
        bg.RunConfig(), draw.images(), draw.images(), _learner(draw), _trainer(draw)
    ),
    "TrainParams": lambda draw: bg.TrainParams(),
    "GuardLimits": lambda draw: bg.GuardLimits(),
}
# What no other process needs: a writer of files, and what holds hooks of a running trainer.
NEVER_SENT = ("TensorBoard",)
LONGEST = 4000  # letters that a screen still takes


def _judged(text: str) -> str:
    """Return the fault of an object's text, or nothing."""
    if "object at 0x" in text:
        at = text.index("object at 0x")
        return f"it says nothing but an address: ...{text[max(0, at - 60) : at + 12]}..."
    if len(text) > LONGEST:
        return f"it is {len(text):,} letters long"
    return ""


def _enter(name: str, make: Callable[[Draw], object]) -> None:
    @case(f"repr of {name}", most=VARIANTS)
    def _(draw: Draw) -> Call:
        return Call(lambda thing: repr(thing), complaint=_judged, thing=Slot(make(draw)))

    if name in NEVER_SENT:
        return

    @case(f"copies of {name}", most=2 * VARIANTS)
    def _(draw: Draw) -> Call:
        ways = {
            "pickled": lambda thing: pickle.loads(pickle.dumps(thing)),
            "deep-copied": copy.deepcopy,
            "copied": copy.copy,
            "pickled twice": lambda thing: pickle.loads(
                pickle.dumps(pickle.loads(pickle.dumps(thing)))
            ),
        }
        value = make(draw)

        def same(way):
            return _readable(value if way is None else ways[way](value))

        slot = Slot(None, [Mutation(way, lambda _, w=way: w, ALIKE) for way in ways])
        return Call(same, way=slot, default=ALIKE)


def _readable(thing: object) -> object:
    """An object by its contents, and a set of recordings by its spikes."""
    if isinstance(thing, bg.EventSet):
        return thing.y, thing.spikes(torch.arange(len(thing)), 5), thing.name
    return thing


for _name, _make in OBJECTS.items():
    _enter(_name, _make)
