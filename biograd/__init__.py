"""BioGrad: spiking networks trained by local rules and sleep. `import biograd as bg`.

A name's module is imported when the name is first used: torch takes a second, which the program's
help does not need.
"""

import importlib.util
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .connections import (
        AvgPool2d,
        Connection,
        Conv2d,
        Dense,
        Flatten,
        MaxPool2d,
        Pool,
        SumPool2d,
    )
    from .data.datasets import ImageSet, load, validation_split
    from .data.events.nmnist import nmnist
    from .data.events.recording import Events, Sensor, bin_events
    from .data.events.sets import EventSet
    from .data.events.shd import shd
    from .data.samples import encode
    from .data.sound.series import SeriesSet
    from .data.sound.wav import read_wav
    from .data.spike_sets import SpikeSet
    from .encoders import bernoulli, direct, integrate_and_fire, latency
    from .errors import (
        ClassWeighted,
        ErrorNeurons,
        FinalRate,
        FinalSoftmax,
        RunningRate,
        SignedSpikes,
        SoftmaxError,
        balanced_weights,
    )
    from .feedback import (
        Feedback,
        LayeredFeedback,
        LayeredRandom,
        LayeredSleep,
        LayeredSymmetric,
        RandomDFA,
        SleepAligned,
        Symmetric,
        feedback_angle,
        feedback_angles,
        sleep_aligned,
    )
    from .interop.nir import from_nir, to_model, to_network, to_nir
    from .interop.snntorch import Difference, differences, from_snntorch, to_snntorch
    from .layers import Layer
    from .learning.learner import LocalLearner
    from .learning.weight_norm import keep_weight_norm
    from .network import Network, read_out
    from .neurons import (
        AdaptiveLIF,
        LeakyReadout,
        MixedLIF,
        Neuron,
        SomaState,
        TwoCompartmentLIF,
        apical_step,
        mixed_decays,
        soma_step,
        surrogate_slope,
    )
    from .padding import PaddedSpikes
    from .params.augment import AugmentParams
    from .params.neuron import AdaptiveParams, NeuronParams, TwoCompartmentParams
    from .params.repetition import RepetitionParams
    from .params.signal import CodingParams, MelParams
    from .params.sleep import SleepParams
    from .params.trace import TraceParams
    from .readout import Classes, Readout, Values
    from .rules import Eligibility, Factorised, Rule, Update
    from .runs.config import RunConfig
    from .runs.config_files import read_config
    from .runs.experiment import Experiment
    from .runs.presets import preset
    from .sleep import first_night, sleep_phase
    from .streaming import Anytime, Listener, anytime
    from .traces import trace_step
    from .training.callbacks import EarlyStopping, TensorBoard
    from .training.evaluation import Evaluation, evaluate
    from .training.health import Fault, Guard, GuardLimits
    from .training.lr_search import LrCurve, find_lr
    from .training.params import TrainParams
    from .training.trainer import Trainer

__all__ = [
    "AdaptiveLIF",
    "AdaptiveParams",
    "Anytime",
    "AugmentParams",
    "AvgPool2d",
    "ClassWeighted",
    "Classes",
    "CodingParams",
    "Connection",
    "Conv2d",
    "Dense",
    "Difference",
    "EarlyStopping",
    "Eligibility",
    "ErrorNeurons",
    "Evaluation",
    "EventSet",
    "Events",
    "Experiment",
    "Factorised",
    "Fault",
    "Feedback",
    "FinalRate",
    "FinalSoftmax",
    "Flatten",
    "Guard",
    "GuardLimits",
    "ImageSet",
    "Layer",
    "LayeredFeedback",
    "LayeredRandom",
    "LayeredSleep",
    "LayeredSymmetric",
    "LeakyReadout",
    "Listener",
    "LocalLearner",
    "LrCurve",
    "MaxPool2d",
    "MelParams",
    "MixedLIF",
    "Network",
    "Neuron",
    "NeuronParams",
    "PaddedSpikes",
    "Pool",
    "RandomDFA",
    "Readout",
    "RepetitionParams",
    "Rule",
    "RunConfig",
    "RunningRate",
    "Sensor",
    "SeriesSet",
    "SignedSpikes",
    "SleepAligned",
    "SleepParams",
    "SoftmaxError",
    "SomaState",
    "SpikeSet",
    "SumPool2d",
    "Symmetric",
    "TensorBoard",
    "TraceParams",
    "TrainParams",
    "Trainer",
    "TwoCompartmentLIF",
    "TwoCompartmentParams",
    "Update",
    "Values",
    "anytime",
    "apical_step",
    "balanced_weights",
    "bernoulli",
    "bin_events",
    "differences",
    "direct",
    "encode",
    "evaluate",
    "feedback_angle",
    "feedback_angles",
    "find_lr",
    "first_night",
    "from_nir",
    "from_snntorch",
    "integrate_and_fire",
    "keep_weight_norm",
    "latency",
    "load",
    "mixed_decays",
    "nmnist",
    "preset",
    "read_config",
    "read_out",
    "read_wav",
    "shd",
    "sleep_aligned",
    "sleep_phase",
    "soma_step",
    "surrogate_slope",
    "to_model",
    "to_network",
    "to_nir",
    "to_snntorch",
    "trace_step",
    "validation_split",
]
# Public names by the module that defines them; the imports above say the same to type checkers.
_NAMES = {
    "connections": (
        "AvgPool2d",
        "Connection",
        "Conv2d",
        "Dense",
        "Flatten",
        "MaxPool2d",
        "Pool",
        "SumPool2d",
    ),
    "data.datasets": ("ImageSet", "load", "validation_split"),
    "data.events.nmnist": ("nmnist",),
    "data.events.recording": ("Events", "Sensor", "bin_events"),
    "data.events.sets": ("EventSet",),
    "data.events.shd": ("shd",),
    "data.samples": ("encode",),
    "data.sound.series": ("SeriesSet",),
    "data.sound.wav": ("read_wav",),
    "data.spike_sets": ("SpikeSet",),
    "encoders": ("bernoulli", "direct", "integrate_and_fire", "latency"),
    "errors": (
        "ClassWeighted",
        "ErrorNeurons",
        "FinalRate",
        "FinalSoftmax",
        "RunningRate",
        "SignedSpikes",
        "SoftmaxError",
        "balanced_weights",
    ),
    "feedback": (
        "Feedback",
        "LayeredFeedback",
        "LayeredRandom",
        "LayeredSleep",
        "LayeredSymmetric",
        "RandomDFA",
        "SleepAligned",
        "Symmetric",
        "feedback_angle",
        "feedback_angles",
        "sleep_aligned",
    ),
    "interop.nir": ("from_nir", "to_model", "to_network", "to_nir"),
    "interop.snntorch": ("Difference", "differences", "from_snntorch", "to_snntorch"),
    "layers": ("Layer",),
    "learning.learner": ("LocalLearner",),
    "learning.weight_norm": ("keep_weight_norm",),
    "network": ("Network", "read_out"),
    "neurons": (
        *("AdaptiveLIF", "LeakyReadout", "MixedLIF", "Neuron", "SomaState", "TwoCompartmentLIF"),
        *("apical_step", "mixed_decays", "soma_step", "surrogate_slope"),
    ),
    "padding": ("PaddedSpikes",),
    "params.augment": ("AugmentParams",),
    "params.neuron": ("AdaptiveParams", "NeuronParams", "TwoCompartmentParams"),
    "params.repetition": ("RepetitionParams",),
    "params.signal": ("CodingParams", "MelParams"),
    "params.sleep": ("SleepParams",),
    "params.trace": ("TraceParams",),
    "readout": ("Classes", "Readout", "Values"),
    "rules": ("Eligibility", "Factorised", "Rule", "Update"),
    "runs.config": ("RunConfig",),
    "runs.config_files": ("read_config",),
    "runs.experiment": ("Experiment",),
    "runs.presets": ("preset",),
    "sleep": ("first_night", "sleep_phase"),
    "streaming": ("Anytime", "Listener", "anytime"),
    "traces": ("trace_step",),
    "training.callbacks": ("EarlyStopping", "TensorBoard"),
    "training.evaluation": ("Evaluation", "evaluate"),
    "training.health": ("Fault", "Guard", "GuardLimits"),
    "training.lr_search": ("LrCurve", "find_lr"),
    "training.params": ("TrainParams",),
    "training.trainer": ("Trainer",),
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names}

if not TYPE_CHECKING:  # with it, type checkers would accept any name

    def __getattr__(name: str) -> object:
        """Import a public name, or a module of the package, when it is first used."""
        if name in _HOMES:
            value = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
        elif name.startswith("_") or importlib.util.find_spec(f"{__name__}.{name}") is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        else:
            value = importlib.import_module(f".{name}", __name__)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
