"""From a configuration to objects: data, network, learner and trainer of a run.

With `networks` the only module that turns words into objects; `config` has the words, the families'
tables the objects.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

from ..checks import instance_of
from ..data.datasets import DataSet, ImageSet, load, validation_split
from ..data.events.sets import EventSet
from ..data.samples import spikes_of
from ..data.sound.series import SeriesSet
from ..encoders import ENCODERS, EVENTS, Encoder, integrate_and_fire
from ..errors import ERRORS, ClassWeighted, ErrorNeurons, balanced_weights
from ..learning.learner import LocalLearner, Precision
from ..learning.weight_norm import keep_weight_norm
from ..network import Network
from ..training.repetition import UnsureOnly
from ..training.trainer import Trainer, TrainParams
from .class_weights import class_weights
from .config import RunConfig
from .networks import build_network, rules
from .optimizers import OPTIMIZERS, SCHEDULES

SAMPLES_SEEN = 5000  # training samples, at most, on which rarely active inputs are found


@dataclass(frozen=True)
class Experiment:
    """A configuration turned into objects, ready to train.

    Example:
        >>> config = RunConfig(hidden=(32,), epochs=1, limit=200)
        >>> experiment = Experiment.from_config(config)    # doctest: +SKIP
        >>> records = list(experiment.trainer.run())    # doctest: +SKIP
    """

    config: RunConfig
    train_set: DataSet
    test_set: DataSet  # the test samples, or the validation samples where some were set apart
    learner: LocalLearner
    trainer: Trainer

    @property
    def net(self) -> Network:
        """The network being trained."""
        return self.learner.net

    @classmethod
    def from_config(
        cls, config: RunConfig, *, progress: Callable[[str, int, int], None] | None = None
    ) -> Experiment:
        """Load the data and build network, learner, optimizer and trainer.

        The learner splits batches over `config.threads`. Set torch's own threads to 1 first
        (`torch.set_num_threads(1)`), as the commands do, or two pools of threads compete.

        Args:
            progress: called with (file, bytes done, bytes in all) while data are fetched.
        """
        instance_of(config, RunConfig, "config", "a RunConfig, e.g. preset('mnist')")
        if config.device == "cuda" and not torch.cuda.is_available():
            raise ValueError(
                "device is 'cuda', but torch sees no CUDA device: install a CUDA build of torch, or"
                " use --device cpu"
            )
        train_set, test_set = load_sets(config, progress=progress)
        generator = torch.Generator().manual_seed(config.seed)
        net, feedback = build_network(config, train_set, generator)
        learner = LocalLearner(
            net,
            feedback,
            error=error_neurons(config, train_set),
            rule=rules(config, net),
            order=config.order,
            precision=learning_precision(config),
            threads=config.threads or default_threads(),
        )
        optimizer = OPTIMIZERS[config.optimizer](list(net.parameters()), config)
        if config.weight_norm:
            keep_weight_norm(net, optimizer, norm=config.weight_norm)
        batches = -(-len(train_set) // config.batch)
        trainer = Trainer(
            learner,
            optimizer,
            resident(train_set, config.device),
            params=TrainParams(
                epochs=config.epochs,
                batch=config.batch,
                steps=config.steps,
                repetition=config.repetition,
            ),
            test_set=resident(test_set, config.device),
            scheduler=SCHEDULES[config.schedule](optimizer, batches * config.epochs),
            encoder=_encoder(config),
            augmentation=config.augment,
            sleep=config.sleep,
            unconnected=rarely_active(train_set, config) if config.input_share else None,
            seed=config.seed,
        )
        return cls(config, train_set, test_set, learner, trainer)


def learning_precision(config: RunConfig) -> Precision:
    """Return the precision in which this machine takes products of convolutions while learning.

    That of the configuration, but `bfloat16` only where the processor has units for it. On one that
    has none, torch's convolutions took 18 times as long as in float32, and their weights' gradients
    9 times (48 to 96 channels, 3 x 3, 400 maps; one idle core of an AMD EPYC without AVX-512).
    """
    units = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")  # of x86 processors, and of Arm's
    tell = getattr(torch.cpu, "get_capabilities", None)  # older versions of torch cannot tell
    able = config.device != "cpu" or (tell is not None and any(tell().get(u) for u in units))
    return config.precision if able else "float32"


def resident(samples: DataSet, device: str) -> DataSet:
    """Return images on the device that learns from them, so that no batch has to travel.

    Recordings stay in their files and are read batch by batch.
    """
    if device == "cpu" or not isinstance(samples, ImageSet):
        return samples
    return dataclasses.replace(samples, x=samples.x.to(device), y=samples.y.to(device))


def load_sets(
    config: RunConfig, *, progress: Callable[[str, int, int], None] | None = None
) -> tuple[DataSet, DataSet]:
    """Return the training samples and the samples to measure on: test, or validation samples."""

    def half(split: Literal["train", "test"]) -> DataSet:
        samples = load(
            config.dataset,
            split,
            root=config.data_folder or None,
            progress=progress,
            skip_bad=config.skip_bad,
            mel=config.mel,
        )
        return samples.coded(config.coding) if isinstance(samples, SeriesSet) else samples

    train_set = half("train")
    if isinstance(train_set, ImageSet) == (config.encoder == EVENTS):
        right = f"one of {', '.join(ENCODERS)}" if isinstance(train_set, ImageSet) else EVENTS
        raise ValueError(
            f"encoder is {config.encoder!r} and {config.dataset} holds {train_set.kind}: set"
            f" encoder to {right}"
        )
    if isinstance(train_set, EventSet):
        train_set.check_times()
    if config.validation:
        if config.validation >= len(train_set):
            raise ValueError(
                f"validation is {config.validation:,}; {config.dataset} has {len(train_set):,}"
                f" training {train_set.kind} to share"
            )
        train_set, test_set = validation_split(train_set, config.validation)
    else:
        test_set = half("test")
    return (train_set.subset(slice(0, config.limit)) if config.limit else train_set), test_set


def error_neurons(config: RunConfig, samples: DataSet) -> ErrorNeurons:
    """Return the run's error neurons, weighted by class and silent for sure answers as it says."""
    error = _class_weighted(ERRORS[config.error](), config, samples)
    repetition = config.repetition
    return error if repetition.learn_sure else UnsureOnly(error, repetition.lead)


def _class_weighted(error: ErrorNeurons, config: RunConfig, samples: DataSet) -> ErrorNeurons:
    if config.class_weights == "equal":
        return error
    if config.class_weights == "balanced":
        return ClassWeighted(error, balanced_weights(samples.y, samples.classes))
    weights = class_weights(config.class_weights)
    if len(weights) != samples.classes:
        raise ValueError(
            f"class_weights has {len(weights)} numbers; {config.dataset} has {samples.classes}"
            " classes: need one each"
        )
    return ClassWeighted(error, torch.tensor(weights))


def rarely_active(samples: DataSet, config: RunConfig) -> torch.Tensor:
    """Return which inputs fire in a smaller share of samples than `input_share`, bool [inputs].

    Counted on the first 5,000 training samples at most.
    """
    encoder, generator = _encoder(config), torch.Generator().manual_seed(config.seed)
    members = torch.arange(min(len(samples), SAMPLES_SEEN))
    active = torch.zeros(samples.inputs)
    for some in members.split(500):
        spikes = spikes_of(samples, some, config.steps, encoder=encoder, generator=generator)
        active += spikes.any(0).sum(0)
    rare = active < config.input_share * len(members)
    if bool(rare.all()):
        raise ValueError(
            f"input_share is {config.input_share}; no input fires in that share of the"
            f" {samples.kind}: lower it"
        )
    return rare


def default_threads() -> int:
    """Return the number of cores for this process, shared with torchrun's other local workers."""
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    workers = os.environ.get("LOCAL_WORLD_SIZE", "1")
    return max(1, cores // max(1, int(workers) if workers.isdecimal() else 1))


def _encoder(config: RunConfig) -> Encoder:
    """Return the run's encoder; recordings, which are spikes already, never call it."""
    return ENCODERS.get(config.encoder, integrate_and_fire)
