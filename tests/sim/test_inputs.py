"""Spikes and labels that do not fit are refused in one line, before any compiled loop sees them."""

from __future__ import annotations

import pytest
import torch

from biograd.data.events.recording import Events, Sensor
from biograd.data.events.sets import EventSet
from biograd.feedback import RandomDFA
from biograd.inputs import check_finite_values, check_labels, spikes_for, step_spikes_for
from biograd.kernels.packed_spikes import PackedSpikes
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.training.evaluation import evaluate

T, B, M = 10, 6, 20


def drawn(*shape):
    return torch.bernoulli(torch.full(shape, 0.4), generator=torch.Generator().manual_seed(0))


@pytest.fixture
def net():
    return Network((M, 30, 4), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("spikes", "words"),
    [
        (drawn(T, B, M - 1), "has the shape (10, 6, 19), so 19 inputs, and the network has 20"),
        (drawn(T, B, 20_000), "20,000 inputs"),
        (drawn(B, M), "one sample alone"),
        (drawn(T, B, 2, 10), "flatten(2)"),
        (drawn(0, B, M), "at least one step"),
        (drawn(T, B, M).to("meta"), "a meta tensor"),
        (drawn(T, B, M).to_sparse(), "a sparse tensor"),
        (drawn(T, B, M).to(torch.complex64), "a torch.complex64 tensor"),
        (drawn(T, B, M).numpy(), "torch.as_tensor converts"),
        ([[1.0]], "a list"),
    ],
)
def test_spikes_that_do_not_fit_are_named_with_the_way_out(spikes, words, net):
    with pytest.raises((ValueError, TypeError)) as refused:
        spikes_for(spikes, (M,), net.layers[0].w)
    assert words in str(refused.value) and "\n" not in str(refused.value)


def test_time_and_samples_swapped_are_recognised_by_the_labels(net):
    learner = LocalLearner(net, RandomDFA(net))
    before = [layer.w.grad for layer in net.layers]
    with pytest.raises(ValueError, match=r"looks like \[B, T, inputs\]: pass spikes.transpose"):
        learner.step(drawn(B, T, M), torch.arange(B) % 4)
    with pytest.raises(ValueError, match="6 samples, and there are 5 labels"):
        learner.step(drawn(T, B, M), torch.arange(5) % 4)
    assert before == [layer.w.grad for layer in net.layers] == [None, None]


@pytest.mark.parametrize("inputs", [M - 1, M + 1, 1000 * M])
def test_no_way_in_reads_beyond_its_arrays(inputs, net):
    learner = LocalLearner(net, RandomDFA(net))
    spikes, labels = drawn(T, B, inputs), torch.arange(B) % 4
    packed = PackedSpikes.pack(spikes)
    recording = Events(*(torch.tensor([n]).numpy() for n in (inputs - 1, 0, 0, 5)))
    recordings = EventSet.of(
        [recording] * B, labels.numpy(), sensor=Sensor(inputs, 1, 1), window=10
    )
    for use in (
        lambda: net(spikes),
        lambda: net.spike_counts(spikes),
        lambda: net.spike_counts(packed),
        lambda: net.fire(packed),
        lambda: net.step(net.rest(B), spikes[0]),
        lambda: learner.step(spikes, labels),
        lambda: learner.step(packed, labels),
        lambda: evaluate(net, recordings),
    ):
        with pytest.raises(ValueError, match=r"inputs|spikes of one step"):
            use()


@pytest.mark.parametrize(
    "kind", [torch.bool, torch.uint8, torch.int64, torch.float16, torch.float64]
)
def test_spikes_of_any_real_type_mean_the_same(kind, net):
    spikes = drawn(T, B, M)
    assert torch.equal(net(spikes.to(kind)), net(spikes))
    learner, labels = LocalLearner(net, RandomDFA(net)), torch.arange(B) % 4
    learner.step(spikes, labels)
    expected = net.layers[0].w.grad.clone()
    learner.step(spikes.to(kind), labels)
    assert torch.equal(net.layers[0].w.grad, expected)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_values_that_are_not_finite_are_refused(bad, net):
    spikes = drawn(T, B, M)
    spikes[3, 2, 1] = bad
    with pytest.raises(ValueError, match="1 values that are not finite"):
        net(spikes)
    with pytest.raises(ValueError, match="not finite"):
        LocalLearner(net, RandomDFA(net)).step(spikes, torch.arange(B) % 4)
    # A sum that overflows is no reason to refuse finite values.
    check_finite_values(torch.full((2,), 3e38), "x")


def test_values_of_another_device_are_not_read():
    # Of a tensor without memory, reading one would raise.
    check_finite_values(torch.empty(2, device="meta"), "x")


@pytest.mark.parametrize(
    "kind", [torch.int32, torch.uint8, torch.int16, "one-hot", "one-hot float"]
)
def test_labels_of_any_whole_type_and_one_hot_rows_mean_the_same(kind, net):
    labels = torch.arange(B) % 4
    rows = torch.nn.functional.one_hot(labels, 4)
    given = {"one-hot": rows, "one-hot float": rows.float()}.get(kind)
    given = labels.to(kind) if given is None else given
    learner, spikes = LocalLearner(net, RandomDFA(net)), drawn(T, B, M)
    learner.step(spikes, labels)
    expected = net.layers[0].w.grad.clone()
    learner.step(spikes, given)
    assert torch.equal(net.layers[0].w.grad, expected)
    assert learner.readout.score(labels, given) == B


@pytest.mark.parametrize("labels", [[0, 1, 2, 3, 4, 0], [0, 1, 2, 3, -1, 0]])
def test_labels_outside_the_classes_are_refused(labels, net):
    with pytest.raises(ValueError, match=r"need labels 0..3"):
        LocalLearner(net, RandomDFA(net)).step(drawn(T, B, M), torch.tensor(labels))


def test_truth_values_name_two_classes_and_no_more(net):
    truth = torch.arange(B) % 2 == 1
    with pytest.raises(ValueError, match=r"labels are torch.bool"):
        LocalLearner(net, RandomDFA(net)).step(drawn(T, B, M), truth)
    two = Network((M, 8, 2))
    assert two.classes == LocalLearner(two, RandomDFA(two)).readout.wished(truth, 2).shape[1]


def test_a_number_is_no_batch_of_labels_and_one_step_has_two_axes(net):
    with pytest.raises(ValueError, match="need one per sample"):
        check_labels(torch.tensor(3))
    with pytest.raises(ValueError, match=r"need \[B, 20\], the spikes of one step"):
        step_spikes_for(drawn(T, B, M), (M,), net.layers[0].w)


def test_packed_spikes_say_how_long_they_are():
    with pytest.raises(ValueError, match="1 words for 33 steps"):
        PackedSpikes(torch.zeros(1, 2, 3, dtype=torch.int32), 33)
    with pytest.raises(ValueError, match="need int32"):
        PackedSpikes(torch.zeros(1, 2, 3), 3)


def test_torchs_default_type_changes_nothing_for_a_network_that_exists(net):
    from biograd.data.image_sets import ImageSet
    from biograd.rules import Factorised

    generator = torch.Generator().manual_seed(1)
    x = torch.randint(0, 256, (B, 4, 5), generator=generator, dtype=torch.uint8)
    images = ImageSet("noise", "test", x, torch.arange(B) % 4, 4)
    spikes, labels = drawn(T, B, M), torch.arange(B) % 4
    feedback = RandomDFA(net, generator=generator)
    learners = [LocalLearner(net, feedback), LocalLearner(net, feedback, rule=Factorised())]

    def results():
        gradients = []
        for learner in learners:
            learner.step(spikes, labels)
            gradients += [layer.w.grad.clone() for layer in net.layers]
        return [*gradients, *net.spike_counts(spikes), evaluate(net, images).predicted]

    expected = results()
    torch.set_default_dtype(torch.float64)
    try:
        others = results()
    finally:
        torch.set_default_dtype(torch.float32)
    assert all(
        torch.equal(a, b) and a.dtype == b.dtype for a, b in zip(expected, others, strict=True)
    )
