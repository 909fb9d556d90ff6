"""Frugal training runs are compared with the standard one at equal bounds."""

from __future__ import annotations

import re

from benchmarks.report.evidence import Evidence
from benchmarks.report.frugal_training import frugal_training


def test_frugal_runs_are_compared_with_the_standard_one_and_the_best_is_near_it(
    every_record, undrawn, text_of
):
    text = text_of(frugal_training(Evidence(every_record), {}))
    assert "98.45 ± 0.07 (2 seeds)" in text  # in the chip's integers
    # 1.6e-5 to 6.4e-5 J against 0.8e-6 to 3.2e-6: twenty times at either bound; the last one loses
    # more than 0.3 points.
    assert re.search(r"frugal 98\.30 \(1 seed\) -0\.15 35 % 800 nJ – 3\.2 µJ 20\.0 – 20\.0", text)
    assert "part 784-256-256-10 (standard) frugal synaptic operations" in text
    assert "the chip's integers decide the same after 99.0 % of the presentations" in text


def test_without_a_standard_run_nothing_is_called_frugal(whole_run, text_of):
    text = text_of(frugal_training(Evidence([whole_run("frugal", 0, 0.983, 1e-6)]), {}))
    assert "No whole training run has been priced." in text and "times fewer" not in text
