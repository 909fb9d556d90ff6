"""Optimizers and learning rate schedules of a run, by name: torch's own, built from its config."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.optim import lr_scheduler

# built from the parameters of the network and the run's configuration
OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": lambda p, c: torch.optim.Adam(p, c.lr, weight_decay=c.weight_decay, fused=True),
    "adamw": lambda p, c: torch.optim.AdamW(p, c.lr, weight_decay=c.weight_decay, fused=True),
    "sgd": lambda p, c: torch.optim.SGD(
        p, c.lr, momentum=c.momentum, weight_decay=c.weight_decay, fused=True
    ),
}
# built from the optimizer and the number of batches of the whole run
SCHEDULES: dict[str, Callable[[torch.optim.Optimizer, int], lr_scheduler.LRScheduler]] = {
    "cosine": lambda optimizer, batches: lr_scheduler.CosineAnnealingLR(optimizer, batches),
    "linear": lambda optimizer, batches: lr_scheduler.LinearLR(optimizer, 1, 1e-9, batches),
    "constant": lambda optimizer, batches: lr_scheduler.ConstantLR(optimizer, 1),
}
