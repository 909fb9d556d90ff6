from __future__ import annotations

import math

import pytest
import torch

from biograd.network import Network
from biograd.training.finite import check_finite


def test_weights_that_are_not_finite_stop_a_run(make_trainer) -> None:
    trainer = make_trainer(optimizer=lambda p, lr: torch.optim.SGD(p, lr=math.inf))
    message = r"^layer 1 has weights that are not finite at epoch 1, batch 3: [^\n]*lr[^\n]*$"
    with pytest.raises(ValueError, match=message):
        list(trainer.run())


def test_the_first_layer_that_is_not_finite_is_named() -> None:
    net = Network((4, 3, 2))
    check_finite(net, "now")
    net.layers[1].b[0] = math.inf
    with pytest.raises(ValueError, match=r"^layer 2 [^\n]* at now: [^\n]*$"):
        check_finite(net, "now")
