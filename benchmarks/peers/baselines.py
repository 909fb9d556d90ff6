"""The peers of BioGrad: how each is configured, and a trainer for it.

They train in BioGrad's own `Trainer`, so that data, encoder, transforms, order, optimizer, schedule
and evaluation are the same code and the same draws; only the learner differs. Spiking peers train
BioGrad's own `Network`: same neuron, same initial weights per seed.

    bptt      plain torch, tuned: products batched over time, the scan and its backward pass fused
              into compiled loops
    unfused   the same gradients by torch's own operations, as most code is written
    deep      the same for any stack of layers: convolutions, pools, a leaky output
    snntorch, spikingjelly   by the neurons of those libraries, step by step as in their tutorials,
              or a layer at a time
    ann       leaky rectified units of the same sizes on the pixels themselves, cross-entropy
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from biograd.data.samples import Samples, input_size
from biograd.encoders import ENCODERS, integrate_and_fire
from biograd.learning.weight_norm import keep_weight_norm
from biograd.network import Network
from biograd.neurons import TwoCompartmentLIF
from biograd.runs.config import RunConfig
from biograd.runs.networks import built_network
from biograd.runs.optimizers import OPTIMIZERS, SCHEDULES
from biograd.training.trainer import Learner, Trainer, TrainParams

from .artificial import Backprop, artificial, pixels
from .backprop import LOSSES, Surrogate
from .bptt import Bptt, fused_scan, unfused_scan
from .deep_bptt import DeepBptt
from .libraries import SnnTorchBptt, SpikingJellyBptt


@dataclass(frozen=True, kw_only=True)
class BaselineParams:
    """Parameters of a peer; the rest of a run is in its `RunConfig`."""

    method: str = "bptt"  # a key of METHODS
    loss: str = "mse"  # a key of LOSSES, on output spikes per step (for ann: always cross-entropy)
    # half-width of the rectangular surrogate, thresholds; its height is 1 / (2 window)
    window: float = 1.0
    # the output layer's surrogate has no window (height 1/2): more stable, not better (chosen on
    # validation)
    open_output: bool = False
    # snntorch, spikingjelly: a layer over all steps at once, instead of all layers step by step
    layered: bool = True

    def __post_init__(self) -> None:
        for name, table in (("method", METHODS), ("loss", LOSSES)):
            if getattr(self, name) not in table:
                raise ValueError(
                    f"baseline.{name} is {getattr(self, name)!r}; known: {', '.join(table)}"
                )
        if not self.window > 0:
            raise ValueError(f"baseline.window is {self.window}; need window > 0 (thresholds)")


Method = Callable[[tuple[int, ...], RunConfig, BaselineParams, torch.Generator], Learner]


def build(
    config: RunConfig, params: BaselineParams, train_set: Samples, test_set: Samples | None
) -> Trainer:
    """Return a trainer for a peer.

    `config.feedback`, `rule`, `error`, `order` and `sleep` have no meaning for it and are not used.
    """
    generator = torch.Generator().manual_seed(config.seed)
    sizes = (input_size(train_set), *config.hidden, int(train_set.y.max()) + 1)
    if config.net:  # which names the layers
        sizes = getattr(train_set, "shape", sizes[:1])
    learner = METHODS[params.method](sizes, config, params, generator)
    optimizer = OPTIMIZERS[config.optimizer](list(learner.net.parameters()), config)
    if config.weight_norm and isinstance(learner.net, Network):
        keep_weight_norm(learner.net, optimizer, norm=config.weight_norm)
    batches = -(-len(train_set.y) // config.batch)
    ann = isinstance(learner, Backprop)
    return Trainer(
        learner,
        optimizer,
        train_set,
        params=TrainParams(
            epochs=config.epochs, batch=config.batch, steps=1 if ann else config.steps
        ),
        test_set=test_set,
        scheduler=SCHEDULES[config.schedule](optimizer, batches * config.epochs),
        encoder=pixels if ann else ENCODERS.get(config.encoder, integrate_and_fire),
        augmentation=config.augment,
        seed=config.seed,
    )


def _spiking(sizes: tuple[int, ...], config: RunConfig, generator: torch.Generator) -> Network:
    return Network(sizes, neuron=TwoCompartmentLIF(config.neuron), generator=generator).to(
        config.device
    )


def _surrogates(layers: int, params: BaselineParams) -> list[Surrogate]:
    hidden = Surrogate(params.window, 1 / (2 * params.window))
    return [hidden] * (layers - 1) + [
        Surrogate(float("inf"), 0.5) if params.open_output else hidden
    ]


def _bptt(scan: Callable[..., Tensor]) -> Method:
    def learner_of(
        sizes: tuple[int, ...],
        config: RunConfig,
        params: BaselineParams,
        generator: torch.Generator,
    ) -> Learner:
        net = _spiking(sizes, config, generator)
        return Bptt(net, params.loss, _surrogates(len(sizes) - 1, params), scan)

    return learner_of


def _library(peer: type[SnnTorchBptt] | type[SpikingJellyBptt]) -> Method:
    def learner_of(
        sizes: tuple[int, ...],
        config: RunConfig,
        params: BaselineParams,
        generator: torch.Generator,
    ) -> Learner:
        net = _spiking(sizes, config, generator)
        return peer(net, params.loss, _surrogates(len(sizes) - 1, params), params.layered)

    return learner_of


def _deep(
    sizes: tuple[int, ...], config: RunConfig, params: BaselineParams, generator: torch.Generator
) -> Learner:
    return DeepBptt(built_network(config, sizes, generator), params.loss)


def _ann(
    sizes: tuple[int, ...], config: RunConfig, params: BaselineParams, generator: torch.Generator
) -> Learner:
    return Backprop(artificial(sizes, generator=generator).to(config.device))


METHODS: dict[str, Method] = {
    "bptt": _bptt(fused_scan),
    "unfused": _bptt(unfused_scan),
    "snntorch": _library(SnnTorchBptt),
    "spikingjelly": _library(SpikingJellyBptt),
    "ann": _ann,
    "deep": _deep,
}
