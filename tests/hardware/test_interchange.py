"""The address from which users' scripts import the border's names stays as it is."""

from __future__ import annotations

from hardware import interchange
from hardware.border import files, model, nir_foreign

NAMES = {
    files: "read_model read_result read_spikes write_model write_result write_spikes",
    model: "LayerModel Model OperationCounts RunResult SpikeInput",
    nir_foreign: "Foreign",
}


def test_the_public_names_are_the_borders_own_objects():
    for module, names in NAMES.items():
        for name in names.split():
            assert getattr(interchange, name) is getattr(module, name)


def test_no_other_name_is_promised():
    assert sorted(interchange.__all__) == sorted(" ".join(NAMES.values()).split())
