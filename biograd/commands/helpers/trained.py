"""A run folder's trained network, for the commands that use one."""

from __future__ import annotations

import dataclasses

from ...runs.checkpoint import RunFolder, load_weights
from ...runs.experiment import Experiment
from ..console import Console


def trained(folder: RunFolder, console: Console) -> Experiment:
    """The experiment of a run with its trained weights, measured on the test images whatever
    training measured on.
    """
    config = dataclasses.replace(folder.read_config(), validation=0)
    with console.downloads() as progress:
        experiment = Experiment.from_config(config, progress=progress)
    load_weights(folder, experiment)
    return experiment
