"""Faults in the simulator: those of the emulator, in real numbers, and none without a rate."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import biograd as bg
from biograd.studies.faults import damaged, evaluate_with_faults, fired_with_faults, silence
from hardware import faults, faulty_emulator
from hardware.border.faults import Faults
from hardware.border.model import SpikeInput
from hardware.fixed_point import quantise


def net_of(*sizes: int, **options) -> bg.Network:
    net = bg.Network(sizes, generator=torch.Generator().manual_seed(0), **options)
    for layer in net.layers:
        layer.w.data *= 3  # so that all layers fire
    return net


def spikes_of(steps: int, samples: int, inputs: int) -> torch.Tensor:
    return (
        torch.rand(steps, samples, inputs, generator=torch.Generator().manual_seed(1)) < 0.4
    ).float()


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("rates", [{}, {"lost": 1e-12}])
def test_faults_that_never_strike_change_no_spike(recurrent, rates) -> None:
    net, spikes = net_of(12, 20, 15, 4, recurrent=recurrent), spikes_of(9, 30, 12)
    plain = [activity.s for activity in net.roll(spikes)]
    faulty = fired_with_faults(net, spikes, Faults(**rates))
    assert plain[-1].any()
    for s, other in zip(faulty, plain, strict=True):
        assert torch.equal(s, other.float())


def test_a_convolutional_net_takes_every_fault_of_neurons_and_synapses() -> None:
    net = bg.Network((1, 8, 8), "4c3-max2-5", generator=torch.Generator().manual_seed(0))
    spikes = spikes_of(6, 10, 64).reshape(6, 10, 1, 8, 8)
    plain = fired_with_faults(net, spikes, Faults())
    assert torch.equal(plain[-1], net(spikes))
    for kind in ("dead", "stuck", "lost", "synapses", "weight_bits", "noise"):
        s = fired_with_faults(net, spikes, Faults(**{kind: 0.5}))
        assert not torch.equal(s[0], plain[0]), kind


def test_simulator_and_emulator_break_the_same_neurons_and_lose_the_same_spikes() -> None:
    net, spikes = net_of(12, 40, 5), spikes_of(9, 300, 12)
    fixed = quantise(bg.to_model(net, None, steps=9, encoder="bernoulli", info={}))
    chip = SpikeInput(spikes=spikes.numpy().astype(np.uint8))
    p = Faults(dead=0.2, stuck=0.1, lost=0.3, seed=4)
    simulated = torch.cat(
        [
            fired_with_faults(net, spikes[:, :256], p)[0],
            fired_with_faults(net, spikes[:, 256:], p, first=256)[0],
        ],
        dim=1,
    ).numpy()
    emulated = faulty_emulator.run(fixed, chip, p, record=("s",)).s[0]
    dead, stuck = faults.neurons_fail(p, 0, 40)
    for sent in (simulated, emulated):
        assert not sent[..., dead].any() and sent[..., stuck].mean() == pytest.approx(0.7, abs=0.03)
    # a stuck neuron's spikes are lost or not, whatever its voltage: the same ones in both
    assert np.array_equal(simulated[..., stuck], emulated[..., stuck])
    # the others differ where rounded weights move a voltage over the threshold
    assert (simulated != emulated).mean() < 0.02


def test_a_stepped_layer_with_noise_is_the_neuron_with_a_disturbed_voltage() -> None:
    net, spikes = net_of(3, 4), spikes_of(5, 2, 3)
    p = Faults(noise=0.7)
    noise = torch.from_numpy(faults.voltage_noise(p, 0, 0, (5, 2, 4)))
    layer, q = net.layers[0], net.neuron.params
    u, v, s = torch.zeros(2, 4), torch.zeros(2, 4), torch.zeros(2, 4)
    expected = []
    for t in range(5):
        u = q.alpha_u * u + spikes[t] @ layer.w.T + layer.b
        v = q.alpha_v * (v * (1 - s) + noise[t]) + u
        s = (v > 1).float()
        expected.append(s)
    assert torch.equal(fired_with_faults(net, spikes, p)[0], torch.stack(expected))


def test_a_dead_neuron_of_a_recurrent_layer_reaches_none_of_its_neighbours() -> None:
    net, spikes = net_of(6, 10, 3, recurrent=True), spikes_of(8, 20, 6)
    p = Faults(dead=0.4, output=False)
    dead, _ = faults.neurons_fail(p, 0, 10)
    cut = net_of(6, 10, 3, recurrent=True)
    cut.layers[0].w_rec.data[:, torch.from_numpy(dead)] = 0
    alive = torch.from_numpy(~dead)
    sent, expected = fired_with_faults(net, spikes, p)[0], cut.roll(spikes)[0].s.float()
    assert torch.equal(sent[..., alive], expected[..., alive]) and not sent[..., ~alive].any()


def test_flipped_bits_change_those_weights_alone() -> None:
    net, p = net_of(30, 20), Faults(weight_bits=0.02)
    changed = damaged(net, p).layers[0].w != net.layers[0].w
    flips = faults.flipped_bits(p, 0, (20, 30), 8)
    assert np.array_equal(changed.numpy(), flips != 0) and 0 < changed.sum() < 200
    assert torch.equal(damaged(net, Faults()).layers[0].w, net.layers[0].w)


def test_accuracy_is_that_of_evaluate_without_faults_and_chance_with_a_dead_output(
    digits_set,
) -> None:
    net = net_of(784, 20, 10)
    plain = bg.evaluate(net, digits_set, steps=5)
    faulty = evaluate_with_faults(net, digits_set, Faults(), steps=5)
    assert torch.equal(faulty.predicted, plain.predicted) and faulty.rates == plain.rates
    hardly = evaluate_with_faults(net, digits_set, Faults(dead=1e-9), steps=5)
    assert torch.equal(hardly.predicted, plain.predicted)
    assert hardly.rates == pytest.approx(plain.rates)
    silent = evaluate_with_faults(net, digits_set, Faults(dead=1.0), steps=5)
    assert silent.rates == [0, 0] and not silent.predicted.any()


def test_a_silenced_net_learns_around_its_dead_neurons(digits_set) -> None:
    net = silence(net_of(784, 30, 10), Faults(dead=0.4))
    dead = torch.from_numpy(faults.neurons_fail(Faults(dead=0.4), 0, 30)[0])
    before = net.layers[0].w.clone()
    learner = bg.LocalLearner(net, bg.RandomDFA(net))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    trainer = bg.Trainer(
        learner, optimizer, digits_set, params=bg.TrainParams(epochs=1, batch=20, steps=5)
    )
    next(iter(trainer.run()))
    assert not net.layers[0].w[dead].any() and (net.layers[0].b[dead] == -100).all()
    assert not torch.equal(net.layers[0].w[~dead], before[~dead])
    assert not net.roll(bg.encode(digits_set.x, bg.integrate_and_fire, 5))[0].s[..., dead].any()


@pytest.fixture
def digits_set() -> bg.ImageSet:
    x = torch.rand(120, 784, generator=torch.Generator().manual_seed(2))
    return bg.ImageSet("random", "test", x, torch.arange(120) % 10, 10)


@pytest.mark.parametrize(
    ("fails", "message"),
    [
        (lambda net, s: fired_with_faults(net, s, Faults(state_bits=0.1)), "run the emulator"),
        (lambda net, s: fired_with_faults(net, s, Faults(lost=0.1), first=3), "multiple of 256"),
        (
            lambda net, s: fired_with_faults(net, s.repeat(1, 90, 1), Faults(lost=0.1)),
            "at most 256",
        ),
        (
            lambda net, s: fired_with_faults(
                net_of(3, 4, output=bg.LeakyReadout()), s, Faults(dead=0.1)
            ),
            "layer 1 is a graded readout",
        ),
        (
            lambda net, s: silence(bg.Network((1, 8, 8), "4c3-4c3-5"), Faults(dead=0.1)),
            "damage dense layers alone",
        ),
    ],
)
def test_faults_that_cannot_be_injected_are_refused_in_one_line(fails, message) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        fails(net_of(3, 4), spikes_of(5, 3, 3))
    assert "\n" not in str(refused.value)
