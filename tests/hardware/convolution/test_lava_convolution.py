"""Lava's own Conv, Dense and LIF agree with the emulator in every current, voltage and spike.

Python 3.10 only.
"""

from __future__ import annotations

import numpy as np
import pytest

from hardware import emulator

from .conftest import GEOMETRIES, network

pytest.importorskip("lava.magma", reason="Lava exists for Python 3.10 alone")

from hardware.loihi import channels, runner

# Lava's own dependencies
pytestmark = [
    pytest.mark.filterwarnings("ignore::ImportWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.mark.parametrize("name", GEOMETRIES)
def test_convolutions_pools_loops_and_readouts_are_equal(name, monkeypatch):
    for module in (
        channels.pypychannel,
        channels.py_model,
        channels.lava_runtime,
        channels.runtime_service,
    ):
        monkeypatch.setattr(module, "CspSelector", module.CspSelector)
    for port in ("CspSendPort", "CspRecvPort"):
        monkeypatch.setattr(channels.pypychannel, port, getattr(channels.pypychannel, port))
    channels.install()
    fixed, spikes = network(name)
    emulated = emulator.run(fixed, spikes, record="uvs")
    lavas = runner.run(fixed, spikes.spikes, record=True)
    assert np.array_equal(emulated.counts, lavas.counts)
    for variable in ("u", "v", "s"):
        pairs = zip(getattr(emulated, variable), getattr(lavas, variable), strict=True)
        for number, (a, b) in enumerate(pairs, start=1):
            assert np.array_equal(a, b), f"{variable} of layer {number}"
