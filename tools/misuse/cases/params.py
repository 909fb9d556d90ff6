"""Every field of the constants and configurations: `*Params`, `GuardLimits` and `RunConfig`."""

from __future__ import annotations

import dataclasses
import math
import tempfile
from pathlib import Path

from case import LEGAL, OPEN, WRONG, Call, Slot, case
from material import Draw
from scalars import counts, flag, instead, number, readable, text, thing, whole, word

import biograd as bg

UNKNOWN: list[str] = []  # fields without a slot, and slots without a field


def _fields(kind: type, **slots: Slot):
    """A case that makes a dataclass of these fields."""
    fields = {field.name for field in dataclasses.fields(kind) if field.init}
    UNKNOWN.extend(f"{kind.__name__}.{name}" for name in sorted(fields ^ set(slots)))

    @case(kind.__name__)
    def _(draw: Draw) -> Call:
        return Call(kind, slots={name: slot for name, slot in slots.items() if name in fields})


def _kept(value: float) -> Slot:
    return number(value, 0.0, 1.0, ends="[)")


NEURON = {
    name: _kept(value) for name, value in (("alpha_u", 0.5), ("alpha_v", 0.75), ("alpha_a", 0.25))
}
NEURON |= {
    "alpha_v": number(0.75, 0.0, 1.0),  # 1: without leak
    "window": number(1.0, 0.0, ends="()").expecting(OPEN, "inf"),
    "reset": word("zero", ["subtract", "subtract_late", "none"]),
    "surrogate": word("rectangular", ["tails"]),
}
_fields(bg.TwoCompartmentParams, **NEURON)
_fields(bg.AdaptiveParams, **NEURON, alpha_h=_kept(0.9), rise=number(0.1, 0.0))
_fields(bg.TraceParams, alpha_x=_kept(0.5), alpha_z=_kept(0.75))
_fields(
    bg.SleepParams,
    every=whole(50),
    phases=whole(4, low=0),
    first_night=whole(100),
    steps=whole(1000),
    rate=number(0.2, 0.0, 1.0, ends="()"),
    noise=number(0.6, 0.0),
    decay=number(0.02, 0.0, 1.0, ends="(]"),
    eta=number(0.02, 0.0, 1.0, ends="(]"),
)
_fields(
    bg.AugmentParams,
    shift=whole(2, low=0, high=14),
    rotate=number(8.0, 0.0, 180.0),
    scale=number(0.1, 0.0, 0.5),
    elastic=number(1.0, 0.0, 10.0),
    flip=number(0.5, 0.0, 1.0),
    stretch=number(0.2, 0.0, 1.0),
    bands=number(1.0, 0.0, 100.0),
    gain=number(0.5, 0.0, 10.0),
    noise=number(0.2, 0.0, 10.0),
)
_fields(
    bg.MelParams,
    rate=whole(8000).expecting(OPEN),
    bands=whole(40).expecting(WRONG, "huge"),
    frame_ms=number(32.0, 0.0, ends="()").expecting(OPEN),
    hop_ms=number(10.0, 0.0, ends="()").expecting(OPEN),
    lowest=number(60.0, 0.0, ends="()").expecting(OPEN),
    highest=number(3900.0, 60.0, 4000.0, ends="(]"),
    compression=word("log", ["pcen"]),
    smoothing=number(0.025, 0.0, 1.0, ends="(]"),
    gain=number(0.98, 0.0, 1.0, ends="(]"),
    offset=number(2.0, 0.0),
    root=number(0.5, 0.0, 1.0, ends="(]"),
    max_seconds=number(60.0, 0.0, ends="()"),
)
_fields(
    bg.CodingParams,
    coding=word("integrate_and_fire", ["level_crossing"]),
    scale=number(0.5, 0.0, ends="()"),
    threshold=number(0.5, 0.0, ends="()"),
    delta=whole(3, low=0, high=10_000),
)
_fields(
    bg.RepetitionParams,
    longest=whole(4, low=0, high=1000).expecting(OPEN, "below the least"),
    learn_sure=flag(True),
    first=whole(2, high=4),
    lead=whole(2),
)
_fields(
    bg.TrainParams,
    epochs=whole(2),
    batch=whole(10),
    steps=whole(10),
    repetition=thing(bg.RepetitionParams(), ("a dict", {"longest": 1}, WRONG)),
)
_fields(
    bg.GuardLimits,
    **{
        name: number(value, 0.0, ends="()").expecting(OPEN, "inf", "True")
        for name, value in (
            ("growth", 30.0),
            ("silent", 0.001),
            ("busy", 0.95),
            ("apical", 127.0),
            ("angle", 75.0),
            ("traces", 0.05),
        )
    },
    every=whole(50).expecting(OPEN, "plus a half"),
)


def _part(value: object) -> Slot:
    """A nested dataclass."""
    return thing(value, ("a dict", dataclasses.asdict(value), WRONG))  # type: ignore[call-overload]


def _alphas() -> Slot:
    value = (0.5, 0.6, 0.7)
    return instead(
        value,
        ("none", (), LEGAL),
        ("as a list", list(value), OPEN),
        ("one too few", value[:-1], WRONG),
        ("one too many", (*value, 0.5), WRONG),
        ("a nan", (0.5, math.nan, 0.5), WRONG),
        ("a one", (0.5, 1.0, 0.5), WRONG),
        ("a word", (0.5, "0.5", 0.5), WRONG),
        ("a number", 0.5, WRONG),
        ("a string", "0.5", WRONG),
        ("None", None, WRONG),
    )


def _mixed() -> Slot:
    value = (0.5, 0.9)
    return instead(
        value,
        ("none", (), LEGAL),
        ("as a list", list(value), OPEN),
        ("one alone", value[:1], WRONG),
        ("one too many", (*value, 0.95), WRONG),
        ("the wrong way round", value[::-1], WRONG),
        ("a nan", (0.5, math.nan), WRONG),
        ("a zero", (0.0, 0.5), WRONG),
        ("a word", (0.5, "0.9"), WRONG),
        ("a number", 0.5, WRONG),
        ("None", None, WRONG),
    )


def _hidden() -> Slot:
    """Sizes, to which the decays of all layers belong."""
    slot = counts((20, 30), least=0, tied_length=True)
    return slot.expecting(OPEN, "one more", "empty", "the first")


WEIGHTS = ["1,x", "1,,2", "nan", "-1,1", "0,0"]  # of classes, and all wrong
_fields(
    bg.RunConfig,
    dataset=word("mnist", ["fashion", "nmnist", "shd"]),
    data_folder=text("").without("empty"),
    skip_bad=flag(False),
    validation=whole(5, low=0),
    limit=whole(100, low=0),
    hidden=_hidden(),
    # the decays are those of three layers
    net=word("", wrong=["8x3", "c", "10-avg2"]).expecting(OPEN, "in cap", "with a", "empty"),
    output=word("spiking", ["leaky"]).expecting(OPEN, "'leaky'"),  # of a softmax error
    precision=word("float32", ["bfloat16"], wrong=["float64"]),
    recurrent=flag(False),
    delays=counts((5, 3, 0), least=0, tied_length=True).expecting(OPEN, "empty", "the first"),
    start_from=text("").without("empty").expecting(OPEN),
    epochs=whole(2),
    patience=whole(2, low=0),
    batch=whole(10),
    steps=whole(10),
    encoder=word("integrate_and_fire", ["bernoulli", "latency", "events"]),
    error=word("signed", ["running", "final"]),
    class_weights=word("balanced", ["equal", "1,1,2.5"], wrong=WEIGHTS),
    feedback=word("sleep", ["dfa", "symmetric"]),
    rule=word("eligibility", ["factorised"]),
    order=word("layer", ["online"]),
    optimizer=word("sgd", wrong=["rmsprop"]).expecting(OPEN, "in cap"),
    lr=number(1e-3, 0.0, ends="()"),
    momentum=number(0.5, 0.0, 1.0, ends="[)"),
    weight_decay=number(0.1, 0.0),
    weight_norm=number(2.0, 0.0),
    input_share=_kept(0.1),
    schedule=word("cosine", ["linear", "constant"]),
    seed=whole(0, low=0).expecting(WRONG, "huge"),
    threads=whole(1, low=0),
    device=word("cpu", ["cuda"], wrong=["tpu", "cuda:0"]),
    neuron_model=word("two_compartment", ["adaptive"], wrong=["lif"]),
    neuron=_part(bg.TwoCompartmentParams()),
    alphas_u=_alphas(),
    alphas_v=_alphas(),
    mixed_u=_mixed(),
    mixed_v=_mixed(),
    trace=_part(bg.TraceParams()),
    sleep=_part(bg.SleepParams()),
    repetition=_part(bg.RepetitionParams()),
    augment=_part(bg.AugmentParams()),
    mel=_part(bg.MelParams()),
    coding=_part(bg.CodingParams()),
)


@case("preset")
def _(draw: Draw) -> Call:
    return Call(
        bg.preset, name=word("mnist", ["mnist-best", "events"], wrong=["Mnist", "imagenet"])
    )


TABLES = {
    "an unknown field": ("epoch = 3\n", WRONG),
    "a string for a number": ('epochs = "3"\n', WRONG),
    "a float for a whole number": ("epochs = 3.5\n", WRONG),
    "a truth value for a number": ("epochs = true\n", WRONG),
    "a table for a number": ("[epochs]\na = 1\n", WRONG),
    "a number for a table": ("sleep = 3\n", WRONG),
    "a list of words": ('hidden = ["a"]\n', WRONG),
    "a nested list": ("hidden = [[1]]\n", WRONG),
    "nan": ("lr = nan\n", WRONG),
    "a date": ("lr = 1979-05-27\n", WRONG),
    "an unknown preset": ('preset = "no such"\n', WRONG),
    "a preset of another type": ("preset = 3\n", WRONG),
    "a huge number": (f"epochs = 1{'0' * 400}\n", WRONG),
    "no lines": ("", LEGAL),
    "an unknown word": ('error = "hinge"\n', WRONG),
    "a list for a word": ('error = ["signed"]\n', WRONG),
    "a section of an unknown name": ("[dream]\nsteps = 3\n", WRONG),
    "a value out of range": ("[sleep]\nrate = 2.0\n", WRONG),
}


@case("read_config")
def _(draw: Draw) -> Call:
    folder = Path(tempfile.gettempdir()) / "config"
    folder.mkdir(exist_ok=True)
    path = folder / "run.toml"
    path.write_text("epochs = 3\nhidden = [20, 30]\n[sleep]\nrate = 0.1\n")
    slot = readable(path).expecting(LEGAL, "an empty file")
    for number_, (name, (content, expected)) in enumerate(TABLES.items()):
        (folder / f"{number_}.toml").write_text(content)
        slot += instead(path, (f"of {name}", folder / f"{number_}.toml", expected)).mutations
    return Call(bg.read_config, path=slot, errors=(OSError,))
