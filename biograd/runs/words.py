"""Words of a configuration: keys of the tables of neurons, rules, data sets and so on.

Importing those tables loads torch, which takes a second and which `--help` does not need. So the
words that BioGrad comes with are listed here, too; a table may hold more, once it is imported.
"""

from __future__ import annotations

import sys
from typing import Any

from ..params.neuron import AdaptiveParams, NeuronParams, TwoCompartmentParams

EVENTS = "events"  # in place of an encoder's word: recordings are spikes already
POOLS = ("avg", "sum", "max")  # first letters of pools in a network's description
STOCK: dict[str, tuple[str, ...]] = {
    "dataset": (
        *("mnist", "fashion", "cifar10", "events-mnist-simulated", "nmnist", "shd"),
        *("fsdd", "fsdd-george", "fsdd-jackson", "fsdd-lucas", "fsdd-nicolas", "fsdd-theo"),
        *("fsdd-yweweler", "japanese-vowels"),
    ),
    "encoder": ("integrate_and_fire", "bernoulli", "latency", "direct"),
    "error": ("signed", "running", "final", "softmax", "final-softmax"),
    "feedback": (
        *("sleep", "sleep-direct", "sleep-layered", "dfa", "random-layered"),
        *("symmetric", "symmetric-layered"),
    ),
    "rule": ("eligibility", "factorised"),
    "optimizer": ("adam", "adamw", "sgd"),
    "schedule": ("cosine", "linear", "constant"),
    "neuron_model": ("two_compartment", "adaptive"),
}
TABLES = {  # module and name of the table whose keys are a field's words
    "dataset": ("data.datasets", "DATASETS"),
    "encoder": ("encoders", "ENCODERS"),
    "error": ("errors", "ERRORS"),
    "feedback": ("feedback", "FEEDBACK"),
    "rule": ("rules", "RULES"),
    "optimizer": ("runs.optimizers", "OPTIMIZERS"),
    "schedule": ("runs.optimizers", "SCHEDULES"),
    "neuron_model": ("neurons", "NEURONS"),
}
_PARAMS: dict[str, type[NeuronParams]] = {  # constants of the stock neurons
    "two_compartment": TwoCompartmentParams,
    "adaptive": AdaptiveParams,
}
_FIXED = {
    "order": ("layer", "online"),
    "device": ("cpu", "cuda"),
    "output": ("spiking", "leaky"),
    "precision": ("float32", "bfloat16"),
}
FIELDS = (*TABLES, *_FIXED)  # fields of a configuration that hold words
_PACKAGE = __name__.partition(".")[0]


def words(field: str) -> tuple[str, ...]:
    """Return the words that a field of a configuration knows.

    Nobody can have added to a table whose module is not imported: it holds the stock words.

    Example:
        >>> words("optimizer")
        ('adam', 'adamw', 'sgd')
    """
    if field in _FIXED:
        return _FIXED[field]
    known = _imported_table(field)
    every = STOCK[field] if known is None else tuple(known)
    return (*every, EVENTS) if field == "encoder" else every


def neuron_params(model: str) -> type[NeuronParams]:
    """Return the class of a neuron model's constants; `model` is one of `words("neuron_model")`.

    Example:
        >>> neuron_params("two_compartment").__name__
        'TwoCompartmentParams'
    """
    known = _imported_table("neuron_model")
    return _PARAMS[model] if known is None else known[model].Params


# any: members of any table
def _imported_table(field: str) -> dict[str, Any] | None:
    """Return the table of a field's words, or None while its module is not imported."""
    module, name = TABLES[field]
    imported = sys.modules.get(f"{_PACKAGE}.{module}")
    return None if imported is None else getattr(imported, name, None)
