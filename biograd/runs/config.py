"""The configuration of one training run: numbers and words, checked when it is made."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

from ..checks import (
    instance_of,
    path_of,
    real_number,
    text_of,
    truth_value,
    whole_number,
    word_of,
)
from ..files import is_path
from ..params.augment import AugmentParams
from ..params.neuron import NeuronParams, TwoCompartmentParams
from ..params.repetition import RepetitionParams
from ..params.signal import CodingParams, MelParams
from ..params.sleep import SleepParams
from ..params.trace import TraceParams
from .class_weights import class_weights
from .layer_constants import check_layer_constants, layer_count
from .layer_delays import layer_delays
from .words import FIELDS, neuron_params, words

_MOST = 1 << 62  # of any number of neurons, either way
_PARTS = {  # fields that hold parameters
    "neuron": NeuronParams,
    "trace": TraceParams,
    "sleep": SleepParams,
    "repetition": RepetitionParams,
    "augment": AugmentParams,
    "mel": MelParams,
    "coding": CodingParams,
}


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """One training run.

    Words are keys of the tables `NEURONS`, `ENCODERS`, `ERRORS`, `FEEDBACK`, `RULES`, `DATASETS`,
    `OPTIMIZERS` and `SCHEDULES`; a line of your own in one of them, e.g.
    `RULES["lazy"] = Lazy`, makes a new word. `neuron` holds constants of the neuron model: those of
    another model's class `Params` where `neuron_model` names one.

    Example:
        >>> RunConfig(hidden=(100,), lr=2e-3).optimizer
        'adam'
    """

    # mnist, fashion, cifar10, events-mnist-simulated, japanese-vowels, fsdd (spoken digits; to test
    # on one person: fsdd-george, fsdd-jackson, fsdd-lucas, fsdd-nicolas, fsdd-theo or
    # fsdd-yweweler), or nmnist and shd from your own copies; or a path
    dataset: str = "mnist"
    data_folder: str = ""  # folder of the data sets; the usual one where empty
    skip_bad: bool = False  # leave out recordings that cannot be read, and count them
    # training samples set apart and measured instead of the test samples; 0: none
    validation: int = 0
    limit: int = 0  # use only this many training samples; 0: all
    hidden: tuple[int, ...] = (256, 256)  # neurons of each hidden layer
    # layers in words, from the first to the classes, in place of hidden: e.g. 32c5s2-avg2-128-10
    # (channels, c, kernel; then stride s, padding p, dilation d, groups g; pools avg, sum, max)
    net: str = ""
    # neurons of the last layer: spiking, or leaky (never fire; their voltage is the answer)
    output: Literal["spiking", "leaky"] = "spiking"
    # synapses within each hidden layer, from its spikes of the step before, with the same rule
    recurrent: bool = False
    # longest delay of spikes onto each layer in turn, steps, 0 to 62: each neuron before it draws
    # its own from 0 to that; empty: none
    delays: tuple[int, ...] = ()
    # NIR file to take the first weights from (--from sets it, and constants to match); random
    # weights where empty
    start_from: str = ""
    epochs: int = 20  # times through the training samples
    # stop after so many epochs without a better result on the validation samples, and keep the
    # best; 0: never
    patience: int = 0
    batch: int = 100  # samples per update
    steps: int = 10  # time steps per sample, T; of series, which have their own, the most taken
    # images to spikes: integrate_and_fire, bernoulli, latency or direct (graded: the image itself,
    # -1..1, at every step); events for recordings and series
    encoder: str = "integrate_and_fire"
    # error neurons: signed (spikes -1, 0, 1), running (rate so far) or final (rate of the sample);
    # of a leaky output softmax (of its mean so far) or final-softmax (of its mean over the sample)
    error: str = "signed"
    # weight of each class's errors: equal, balanced (rare classes more), or numbers, e.g. 1,1,2.5
    class_weights: str = "equal"
    # path of the error: sleep (aligned by sleep), dfa (random, fixed) or symmetric (upper bound),
    # all from the output to each layer; sleep takes the layered path for deep and convolutional
    # networks. To set the path: sleep-direct; from layer to layer: sleep-layered, random-layered
    # or symmetric-layered
    feedback: str = "sleep"
    # local rule: eligibility (per step) or factorised (over time: faster, slightly less accurate)
    rule: str = "eligibility"
    # layer (a whole layer over all steps at once) or online (step by step, memory independent of T)
    order: Literal["layer", "online"] = "layer"
    # products of convolutions while learning: float32, or bfloat16, several times faster where the
    # processor has units for it (elsewhere float32 is taken, and train says so)
    precision: Literal["float32", "bfloat16"] = "float32"
    optimizer: str = "adam"  # adam, adamw or sgd
    lr: float = 1e-3  # learning rate at the start, thresholds (adam) or 1 (sgd)
    momentum: float = 0.0  # of sgd, 0..1
    weight_decay: float = 0.0  # of the optimizer
    # norm that the weights onto each hidden neuron or channel keep, with a mean of 0, thresholds;
    # 0: weights are free
    weight_norm: float = 0.0
    # inputs that fire in a smaller share of the training samples get no synapses, 0..1; 0: all
    # inputs have synapses
    input_share: float = 0.0
    schedule: str = "cosine"  # learning rate over the run: cosine or linear to 0, or constant
    seed: int = 0  # of weights, order and noise
    # processor threads, which set the last bits of sums; 0: one per core
    threads: int = 0
    device: str = "cpu"  # cpu or cuda
    # neuron of every layer: two_compartment, adaptive (each spike raises its threshold for a while)
    # or your own
    neuron_model: str = "two_compartment"
    neuron: NeuronParams = field(default_factory=TwoCompartmentParams)
    # current kept per step by neurons and synapses of each layer in turn; empty: neuron's and
    # trace's
    alphas_u: tuple[float, ...] = ()
    alphas_v: tuple[float, ...] = ()  # the same for the voltage
    # two fractions: neurons of a hidden layer, or its maps, keep currents for different times, from
    # that of the first to that of the second, in place of neuron's and alphas_u's; empty: all alike
    mixed_u: tuple[float, ...] = ()
    mixed_v: tuple[float, ...] = ()  # the same for voltages, e.g. 0.8 0.98
    trace: TraceParams = field(default_factory=TraceParams)
    sleep: SleepParams = field(default_factory=SleepParams)
    repetition: RepetitionParams = field(default_factory=RepetitionParams)
    augment: AugmentParams = field(default_factory=AugmentParams)
    mel: MelParams = field(default_factory=MelParams)  # filter bank of sounds
    coding: CodingParams = field(default_factory=CodingParams)  # of series as spikes

    def __post_init__(self) -> None:
        self._check_kinds()
        self._check_words()
        self._fit_neuron()
        self._check_ranges()
        self._set("delays", layer_delays(self.delays, layer_count(self)))
        check_layer_constants(self)
        self._check_combinations()

    def _check_kinds(self) -> None:
        for name, kind in _PARTS.items():
            instance_of(getattr(self, name), kind, name, f"{kind.__name__}(...)")
        for name in ("recurrent", "skip_bad"):
            self._set(name, truth_value(getattr(self, name), name))
        for name in ("data_folder", "start_from"):
            path = getattr(self, name)
            self._set(name, str(path_of(path, name)) if path != "" else "")
        instance_of(self.net, str, "net", "layers in words, e.g. 8c3-avg2-10, or nothing")
        instance_of(self.class_weights, str, "class_weights", "equal, balanced, or numbers")

    def _check_words(self) -> None:
        for name in FIELDS:
            if name != "dataset" or not is_path(self.dataset):
                word_of(getattr(self, name), words(name), name)
        if self.class_weights not in ("equal", "balanced"):
            class_weights(self.class_weights)

    def _fit_neuron(self) -> None:
        """Hold `neuron` to the model's own constants; defaults of another model are replaced."""
        kind, wanted = type(self.neuron), neuron_params(self.neuron_model)
        if kind is wanted:
            return
        if self.neuron != kind():
            raise ValueError(
                f"neuron is {self.neuron}, and neuron_model {self.neuron_model!r} has constants of"
                f" its own ({wanted.__qualname__}): set those"
            )
        self._set("neuron", wanted())

    def _check_ranges(self) -> None:
        for name in ("epochs", "batch", "steps"):
            self._set(name, whole_number(getattr(self, name), name, least=1))
        for name in ("validation", "limit", "threads", "seed", "patience"):
            self._set(name, whole_number(getattr(self, name), name))
        hidden = _several(self.hidden, "hidden", "whole numbers, e.g. (256, 256)")
        self._set("hidden", tuple(whole_number(n, "hidden", -_MOST) for n in hidden))
        if any(n < 1 for n in self.hidden):
            raise ValueError(
                f"hidden is {text_of(self.hidden)}; need at least 1 neuron in each hidden layer"
            )
        for name in ("alphas_u", "alphas_v", "mixed_u", "mixed_v"):
            self._set(name, _several(getattr(self, name), name, "numbers, e.g. (0.9, 0.75)"))
        need = "0 (all inputs have synapses) or a share below 1"
        real_number(self.input_share, "input_share", 0, below=1, need=need)
        real_number(self.lr, "lr", above=0, need="a finite learning rate above 0")
        real_number(self.momentum, "momentum", 0, below=1)
        real_number(self.weight_decay, "weight_decay", 0, need="0 or more")
        real_number(self.weight_norm, "weight_norm", 0, need="0 (free) or thresholds above 0")

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)  # as a frozen dataclass is completed

    def _check_combinations(self) -> None:
        both = f"hidden {self.hidden}" if self.hidden != RunConfig.hidden else ""
        both = both or (f"start_from {self.start_from!r}" if self.start_from else "")
        if self.net and both:
            raise ValueError(f"net is {self.net!r} and {both}: both name the layers; leave one out")
        if self.output == "leaky" and self.repetition.longest:
            raise ValueError(
                f"output is 'leaky' and repetition.longest {self.repetition.longest}: samples rest"
                " by their output spikes, which a leaky output does not have; leave one out"
            )
        if (self.output == "leaky") != (self.error in ("softmax", "final-softmax")):
            raise ValueError(
                f"output is {self.output!r} and error {self.error!r}: a leaky output learns from"
                " a softmax error, and only it does; set --output leaky --error softmax, or"
                " final-softmax"
            )
        if self.weight_norm and self.start_from:
            raise ValueError(
                f"weight_norm is {self.weight_norm:g}, and start_from {self.start_from!r} holds"
                " weights of other norms, which it would change at once: leave one out"
            )
        for name, held in (("recurrent", "recurrent weights"), ("delays", "delays")):
            if getattr(self, name) and self.start_from:
                remedy = f"start without --from, or without --{name}"
                raise ValueError(f"{name} is set, and {self.start_from} holds no {held}: {remedy}")
        if self.patience and not self.validation:
            raise ValueError(
                f"patience is {self.patience} and validation 0: set --validation, since test"
                " samples must choose nothing"
            )
        if self.momentum and self.optimizer != "sgd":
            raise ValueError(
                f"momentum is {self.momentum} and optimizer {self.optimizer!r}: momentum belongs"
                " to sgd"
            )
        if self.order == "online" and not _knows_errors_at_once(self.error):
            raise ValueError(
                f"error {self.error!r} needs the end of the sample, so it cannot learn online: use"
                " --order layer"
            )


def with_neuron_model(config: RunConfig, model: str) -> RunConfig:
    """Return the configuration with this neuron model.

    A model whose constants extend those of the present one takes them over; any other one starts
    from its defaults.
    """
    if model == config.neuron_model:
        return config
    held = config.neuron
    neuron: NeuronParams = TwoCompartmentParams()
    known = neuron_params(model) if model in words("neuron_model") else NeuronParams
    if issubclass(known, type(held)):
        neuron = known(**{f.name: getattr(held, f.name) for f in dataclasses.fields(held)})
    return dataclasses.replace(config, neuron_model=model, neuron=neuron)


def _several(values: object, name: str, need: str) -> tuple[Any, ...]:  # any: not yet checked
    return tuple(instance_of(values, (tuple, list), name, need))


def _knows_errors_at_once(error: str) -> bool:
    """True for error neurons that need no later step of the sample."""
    from ..errors import ERRORS  # loads torch, which no other check needs

    return ERRORS[error].causal
