from __future__ import annotations

import pytest
import torch

from biograd.data.augment import AugmentParams
from biograd.data.samples import encode
from biograd.training.evaluation import evaluate


def test_records_hold_means_over_the_samples(make_trainer) -> None:
    trainer = make_trainer(
        optimizer=lambda p, lr: torch.optim.SGD(p, 0.0),
        feedback="dfa",
        augmentation=AugmentParams(),
    )
    trainer.encoder = lambda p, steps, generator: (p > 0.3).float().expand(steps, *p.shape)
    record, second = trainer.run()
    net, images = trainer.learner.net, trainer.train_set
    activity = net.roll(encode(images.x, trainer.encoder, 5))
    target = torch.nn.functional.one_hot(images.y, 3)
    measured = evaluate(net, images, encoder=trainer.encoder, steps=5, batch=16)
    assert record["mean_abs_error"] == pytest.approx((target - activity[-1].s).abs().mean().item())
    assert record["spikes_per_neuron"] == pytest.approx(
        [layer.s.sum(0).mean().item() for layer in activity]
    )
    assert measured.rates == pytest.approx([layer.s.mean().item() for layer in activity])
    assert record["train_accuracy"] == pytest.approx(measured.test_accuracy)
    assert record["test_accuracy"] == pytest.approx(measured.test_accuracy)
    assert (measured.predicted == images.y).double().mean().item() == measured.test_accuracy
    for name in ("mean_abs_error", "spikes_per_neuron", "train_accuracy"):
        # nothing was learned, and nothing is carried into the next epoch
        assert second[name] == pytest.approx(record[name])
    assert record["epoch"] == 1 and record["samples"] == 50
    assert len(record["feedback_angle_deg"]) == 2
