"""The origin of a record names the machine, and no person or folder."""

from __future__ import annotations

import torch

from benchmarks import machine


def test_provenance_names_the_machine_and_no_person_or_folder():
    origin = machine.provenance()
    assert origin["machine"]["threads"] == torch.get_num_threads() and origin["machine"]["cpu"]
    assert origin["versions"]["torch"]
    assert "/" not in str(origin["machine"]["system"])


def test_machines_differ_by_processor_threads_or_gpu():
    a = {"cpu": "x", "threads": 2, "gpu": None, "load": 1.0}
    assert machine.same_machine(a, a | {"load": 9.0})
    for changed in ({"cpu": "y"}, {"threads": 1}, {"gpu": "y"}):
        assert not machine.same_machine(a, a | changed)
