"""Every figure of the paper has a row with ours beside it, and none is invented."""

from __future__ import annotations

import re

import pytest

from benchmarks.report.evidence import Evidence
from benchmarks.report.headline import cards, headline


def test_every_figure_of_the_paper_has_a_row_with_ours_beside_it(every_record, text_of):
    text = text_of(headline(Evidence(every_record), {}))
    for figure in ("98.13 %", "97.59 %", "93.32 %", "400 times less"):
        assert figure in text
    assert "98.10 ± 0.10 % (3 seeds); +0.15 points to BPTT" in text
    assert "BPTT: 97.95 ± 0.00 % (2 seeds)" in text
    assert "97.50 % (1 seed)" in text  # under SGD
    assert "96.21 % (1 seed)" in text  # in the chip's integers


def test_the_ratio_to_a_gpu_divides_measured_by_modelled_at_batch_1_and_at_the_best(
    every_record, text_of
):
    text = text_of(headline(Evidence(every_record), {}))
    (first,) = re.findall(
        r"([\d,]+) – ([\d,]+) times less than at batch 1 \(([\d,]+) – ([\d,]+) above idle\)", text
    )
    low, high, low_above, high_above = (int(number.replace(",", "")) for number in first)
    assert low_above == pytest.approx(low / 2, rel=0.02)
    assert high_above == pytest.approx(high / 2, rel=0.02)
    assert "times less than at batch 256" in text
    assert "modelled" in text and "measured" in text


def test_without_a_gpu_the_row_says_so_and_invents_nothing(every_record, text_of):
    records = [record for record in every_record if record.get("name") != "device energy"]
    text = text_of(headline(Evidence(records), {}))
    assert "There is no recorded GPU run" in text and "times less than at batch" not in text


def test_a_run_on_recordings_is_no_figure_of_mnist(measured):
    run = {"kind": "run", "test_accuracy": 0.5, "dataset": "events-mnist-simulated"}
    on_events = {"dataset": "events-mnist-simulated", "test_accuracy": 0.5}
    config = {"hidden": [256, 256], "steps": 20, "dataset": "events-mnist-simulated"}
    evidence = Evidence(
        [
            run,
            measured("answers", on_events, config=config, seed=0),
            measured("simulated events", {"test_accuracy": 0.98}, config=config, seed=0),
        ]
    )
    assert [(card["name"], card["value"]) for card in cards(evidence)] == [
        ("Test accuracy on events-mnist-simulated", "50.00 %")
    ]
    mnist, _, nmnist, *_ = headline(evidence, {}).items[0]["rows"]
    assert "50.00" not in str(mnist)
    assert "on the real one; 98.00 %" in str(nmnist[2])
    assert "simulated from MNIST" in str(nmnist[2])


def test_cards_show_accuracy_joules_speed_and_memory(every_record):
    values = {card["name"]: card["value"] for card in cards(Evidence(every_record))}
    assert values == {
        "MNIST test accuracy": "98.10 %",
        "A training sample on Loihi": "10 µJ – 40 µJ",
        "Training speed": "4.0 × / 4.0 ×",
        "Memory against time steps": "1.00 ×",
    }
