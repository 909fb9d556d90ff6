"""BioGrad: spiking networks trained by local rules and sleep. `import biograd as bg`."""

from .data.augment import AugmentParams
from .data.datasets import ImageSet, load, validation_split
from .data.events.nmnist import nmnist
from .data.events.recording import Events, Sensor, bin_events
from .data.events.sets import EventSet, SpikeSet
from .data.events.shd import shd
from .data.samples import encode
from .encoders import bernoulli, integrate_and_fire, latency
from .errors import (
    ClassWeighted,
    ErrorNeurons,
    FinalRate,
    RunningRate,
    SignedSpikes,
    balanced_weights,
)
from .feedback import Feedback, RandomDFA, SleepAligned, Symmetric, feedback_angle
from .interop.nir import from_nir, to_model, to_network, to_nir
from .interop.snntorch import Difference, differences, from_snntorch, to_snntorch
from .learning.learner import LocalLearner
from .network import Layer, Network, read_out
from .neurons import (
    Neuron,
    NeuronParams,
    SomaState,
    TwoCompartmentLIF,
    TwoCompartmentParams,
    apical_step,
    soma_step,
    surrogate_slope,
)
from .readout import Classes, Readout, Values
from .rules import Eligibility, Factorised, Rule, Update
from .runs.config import RunConfig
from .runs.config_files import read_config
from .runs.experiment import Experiment
from .runs.presets import preset
from .sleep import SleepParams, sleep_phase
from .traces import TraceParams, trace_step
from .training.callbacks import EarlyStopping, TensorBoard
from .training.evaluation import Evaluation, evaluate
from .training.health import Fault, Guard, GuardLimits
from .training.lr_search import LrCurve, find_lr
from .training.repetition import RepetitionParams
from .training.trainer import Trainer, TrainParams

__all__ = [
    "AugmentParams",
    "ClassWeighted",
    "Classes",
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
    "Guard",
    "GuardLimits",
    "ImageSet",
    "Layer",
    "LocalLearner",
    "LrCurve",
    "Network",
    "Neuron",
    "NeuronParams",
    "RandomDFA",
    "Readout",
    "RepetitionParams",
    "Rule",
    "RunConfig",
    "RunningRate",
    "Sensor",
    "SignedSpikes",
    "SleepAligned",
    "SleepParams",
    "SomaState",
    "SpikeSet",
    "Symmetric",
    "TensorBoard",
    "TraceParams",
    "TrainParams",
    "Trainer",
    "TwoCompartmentLIF",
    "TwoCompartmentParams",
    "Update",
    "Values",
    "apical_step",
    "balanced_weights",
    "bernoulli",
    "bin_events",
    "differences",
    "encode",
    "evaluate",
    "feedback_angle",
    "find_lr",
    "from_nir",
    "from_snntorch",
    "integrate_and_fire",
    "latency",
    "load",
    "nmnist",
    "preset",
    "read_config",
    "read_out",
    "shd",
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
