"""A measurement is identified by its configuration, whichever version recorded it."""

from __future__ import annotations

import dataclasses

from benchmarks.measurements.trials import paper_trials
from benchmarks.same_task import identity
from biograd.runs.config import RunConfig


def test_fields_at_their_defaults_and_threads_do_not_matter():
    config = dataclasses.asdict(RunConfig(lr=0.5))
    assert identity(config) == identity({"hidden": [256, 256], "lr": 0.5, "threads": 7})
    assert identity(config) == {"lr": 0.5}


def test_a_race_is_identified_by_its_threads():
    assert identity({"threads": 2, "inputs": "digits"}) == {"threads": 2, "inputs": "digits"}


def test_every_trial_of_the_paper_has_its_own_identity():
    identities = [str(identity(trial.described())) for trial in paper_trials()]
    assert len(set(identities)) == len(identities)
