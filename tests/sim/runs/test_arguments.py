"""Functions on runs name an argument of another kind in one line."""

from __future__ import annotations

import jaxtyping
import pytest

from biograd.runs import records
from biograd.runs.checkpoint import RunFolder, drop_records_after, load_trained
from biograd.runs.config import RunConfig
from biograd.runs.experiment import Experiment
from biograd.runs.presets import preset
from biograd.runs.sweeps import changed


@pytest.fixture
def unchecked():
    """Without the types that the tests check, as users call it."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda folder: preset(None), "name is None; need one of mnist, mnist-best"),
        (lambda folder: RunFolder(3), "path is 3, an int; need a path"),
        (lambda folder: Experiment.from_config("mnist"), "config is 'mnist', a str; need a Run"),
        (lambda folder: load_trained("runs/mnist"), "folder is 'runs/mnist', a str; need a Run"),
        (lambda folder: drop_records_after(folder, 1.5), "epochs is 1.5, a float; need a whole"),
        (lambda folder: records.append("x.jsonl", ["kind"]), "record is a list; need a dictionary"),
        (lambda folder: records.read(None), "path is a NoneType; need a path"),
        (lambda folder: changed(RunConfig(), {"epoch": 3}), "'epoch' is no field of a run's con"),
    ],
)
def test_arguments_of_another_kind_are_refused_by_name(call, says, tmp_path, unchecked):
    with pytest.raises((TypeError, ValueError), match="^" + says.replace(".", r"\.")) as error:
        call(RunFolder(tmp_path))
    assert str(error.value).count("\n") == 0
