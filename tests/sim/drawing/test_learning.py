"""learning.js follows the simulator's equations: errors, apical voltages, weight updates."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from biograd.deployment import chip_spikes
from biograd.drawing import check, html
from biograd.errors import ERRORS, errors_over_time
from biograd.neurons import TwoCompartmentLIF, TwoCompartmentParams, apical_scan, surrogate_slope
from biograd.rules import Eligibility
from biograd.traces import TraceParams
from hardware import emulator

LABEL = 3
LEARN = """
  const net = BioGrad.decode(given.net), result = BioGrad.run(net, Uint8Array.from(given.spikes));
  const signals = BioGrad.learningSignals(net, result, given.label);
  const update = (k, n) => Array.from(BioGrad.weightUpdate(net, result, signals, k, n));
  return { err: Array.from(signals.err), layers: net.layers.map((layer, k) => ({
    v: Array.from(result.layers[k].v),
    v_apical: Array.from(signals.layers[k].v_apical),
    dw: Array.from({ length: layer.neurons }, (_, n) => update(k, n)) })) };"""


@pytest.mark.skipif(
    not check.has_node(), reason="no node on this machine: the page's JavaScript is not run"
)
@pytest.mark.parametrize("error", ["signed", "running", "final"])
def test_error_apical_voltage_and_update_follow_the_simulators_equations(untrained, images, error):
    model, fixed = untrained
    params = TwoCompartmentParams(alpha_a=0.5, window=0.8)
    traces = [TraceParams(alpha_x=0.1 * k, alpha_z=0.9 - 0.1 * k) for k in range(len(model.layers))]
    sample = chip_spikes(model, images("test", 1))
    net = html.network(
        fixed,
        model=model,
        error=error,
        window=params.window,
        traces=[dataclasses.asdict(trace) for trace in traces],
    )
    spikes = sample.spikes[:, 0].ravel().tolist()
    page = check.node(LEARN, {"net": net, "spikes": spikes, "label": LABEL})

    s = [sample.spikes, *emulator.run(fixed, sample, record=("s",)).s]
    target = torch.eye(10)[[LABEL]]
    err = errors_over_time(ERRORS[error](), torch.from_numpy(s[-1]).float(), target)
    # single against double precision, as below
    assert np.allclose(np.reshape(page["err"], (10, 10)), err[:, 0].numpy(), atol=1e-6)
    for k, layer in enumerate(model.layers):
        of_page, g = page["layers"][k], err
        if layer.w_fb is not None:
            teach = torch.nn.functional.linear(err, torch.from_numpy(layer.w_fb))
            v_apical = apical_scan(TwoCompartmentLIF(params), teach)
            assert np.allclose(of_page["v_apical"], v_apical.flatten().numpy(), atol=1e-4)
            threshold = fixed.layers[k].vth << 6
            v = torch.tensor(of_page["v"]).reshape(v_apical.shape).double() / threshold
            g = v_apical * surrogate_slope(v, params).float()
        dw = Eligibility(traces[k]).over_time(g, torch.from_numpy(s[k]).float()).dw
        assert dw.abs().max() > 0
        assert np.allclose(of_page["dw"], dw.numpy(), atol=1e-4)
