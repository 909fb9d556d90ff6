"""The public callables, each with a function that builds a valid call of it.

A new callable is one function under `@case(its name)` in the file of its topic. `uncovered` lists
the public names that no case calls.
"""

from __future__ import annotations

import inspect

from case import CASES

import biograd as bg

from . import (
    callbacks,
    connections,
    data,
    errors,
    events,
    feedback,
    interop,
    learning,
    network,
    neurons,
    params,
    readouts,
    rules,
    series,
    text,
    training,
)

TOPICS = (callbacks, connections, data, errors, events, feedback, interop, learning, network)
TOPICS += (neurons, params, readouts, rules, series, text, training)
# Nothing to call: interfaces that users derive from, and results that the library makes.
INTERFACES = ("Connection", "ErrorNeurons", "Feedback", "LayeredFeedback", "Neuron")
INTERFACES += ("NeuronParams", "Pool", "Readout", "Rule")
RESULTS = ("Anytime", "Difference", "Evaluation", "Fault", "LrCurve", "SomaState", "Update")


# Methods that only configured runs call, with what they made themselves.
UNTRIED = ["Eligibility.for_layer", "LayeredSleep.project", "Network.rates"]
# Methods that layers and rules call, with tensors that they have checked.
INSIDE = ("as_dense", "back", "current", "positions", "update", "weight_shape", "pool", "spread")
UNTRIED += [
    f"{kind}.{method}"
    for kind in ("AvgPool2d", "Conv2d", "Dense", "MaxPool2d", "SumPool2d")
    for method in INSIDE
]
UNTRIED += [
    f"Layer.{method}"
    for method in (
        *("advance", "after_synapses", "arriving", "arriving_now", "at_synapses", "back"),
        *("before", "drive", "respond", "rest"),
    )
]


def uncovered() -> list[str]:
    """Public names and methods that no case calls, and fields of parameters that none sets."""
    called = {name.split(" ")[0].rstrip(",") for name in CASES}
    classes = {name.split(".")[0] for name in called}
    missing = set(bg.__all__) - classes - set(INTERFACES) - set(RESULTS)
    for name in set(bg.__all__) - set(INTERFACES) - set(RESULTS):
        if inspect.isclass(kind := getattr(bg, name)):
            missing |= {f"{name}.{method}" for method in _methods(kind)} - called - set(UNTRIED)
    return sorted(missing) + params.UNKNOWN


def _methods(kind: type) -> list[str]:
    """The public methods of a class that take arguments, those of its interface left out."""
    names = [name for name in vars(kind) if not name.startswith("_")]
    functions = {name: getattr(kind, name) for name in names if callable(getattr(kind, name))}
    return [
        name
        for name, function in functions.items()
        if inspect.isroutine(function) and set(inspect.signature(function).parameters) - {"self"}
    ]
