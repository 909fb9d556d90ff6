from __future__ import annotations

import torch

from biograd.feedback import RandomDFA
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.traces import TraceParams
from biograd.training.probe import probe


def test_the_probe_records_the_network():
    net = Network((10, 8, 3), generator=torch.Generator().manual_seed(0))
    learner = LocalLearner(net, RandomDFA(net, generator=torch.Generator().manual_seed(1)))
    spikes = (torch.rand(12, 1, 10, generator=torch.Generator().manual_seed(2)) < 0.6).float()
    sample = probe(learner, spikes, torch.tensor([1]), trace=TraceParams(alpha_x=0.5, alpha_z=0.0))
    assert [s.shape for s in sample.spikes] == [(12, 10), (12, 8), (12, 3)]
    fired = sample.spikes[1][:, sample.neuron]
    assert fired.sum() > 0 and ((sample.v > 1) == (fired == 1)).all()

    z, error = 0.0, torch.tensor([0.0, 1.0, 0.0]) - torch.from_numpy(sample.spikes[2])
    for t in range(12):
        z = 0.5 * z + sample.spikes[0][t, sample.synapse]
        assert abs(sample.eligibility[t] - z * (abs(sample.v[t] - 1) < 1)) < 1e-6
        teach = float(learner.feedback.weights(0)[sample.neuron] @ error[t])
        assert abs(sample.v_apical[t] - teach) < 1e-5
