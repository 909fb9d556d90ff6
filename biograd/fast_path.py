"""Choice of the code that runs: the steps as they are written, or a faster form of them.

    faster form                stands for                              runs
    neurons.soma_scan          TwoCompartmentLIF: rest, soma, slope    float32, CPU or GPU
    neurons.apical_scan        stock neurons that spike: apical        where alpha_a is 0
    traces.trace_scan          traces.trace_step                       float32, CPU or GPU
    sleep: dreams, surprise    TwoCompartmentLIF: rest, soma           float32, CPU or GPU
    Rule.over_time             start, step, finish of the same class   in the layer order
    SynapseEligibility         start, step, finish of the same class   in the layer order
    .filtered
    learning.by_events         TwoCompartmentLIF, Feedback.project,    float32 on a CPU, layer
                               and Eligibility or Factorised           order, not recurrent
    learning.maps_by_events    TwoCompartmentLIF of any reset,         float32 on a CPU, layer
                               layered or direct feedback, loops,      order
                               and Eligibility or Factorised
    maps.firing                the same neurons, for spike counts      float32 on a CPU
    firing.fire_output,        the same neurons: the spikes of         float32 on a CPU
    maps.output                products
    learning.on_gpu            TwoCompartmentLIF, and Eligibility      float32 on a GPU, layer
                               or Factorised                           order

Loops over events, `maps` and one sample know no delays (`connections.delays`).

A faster form never replaces a method that a subclass overrides: each of them asks `keeps` first,
and the steps run where the answer is no. On a GPU the kernels need Triton.
"""

from __future__ import annotations

from functools import lru_cache
from types import ModuleType

from torch import Tensor

from .kernels import gpu, scans

SOMA = ("rest", "soma", "slope")  # methods of a neuron that its soma's compiled loops stand for
NEURON = (*SOMA, "apical")  # methods of a neuron that the event-driven loops stand for
STEPS = ("start", "step", "finish")  # methods of a rule that `over_time` stands for
RULE = (*STEPS, "over_time")  # methods of a rule that a learner's fast paths stand for


def keeps(member: object, kind: type, *methods: str) -> bool:
    """Tell whether these methods of an object are those that `kind` defines, none overridden.

    A method assigned to the object itself counts as overridden.

    Example:
        >>> class Louder(RandomDFA):
        ...     def project(self, err, hidden):
        ...         return 2 * super().project(err, hidden)
        >>> net = Network((4, 3, 2))
        >>> [keeps(feedback, Feedback, "project") for feedback in (RandomDFA(net), Louder(net))]
        [True, False]
    """
    model: type = type(member)
    return _inherits(model, kind, methods) and vars(member).keys().isdisjoint(methods)


def compiled_loops(x: Tensor) -> ModuleType | None:
    """Return the module of compiled scans that takes this tensor, `gpu` or `scans`, or None."""
    return next((loops for loops in (gpu, scans) if loops.runs_on(x)), None)


@lru_cache(maxsize=256)  # asked for every layer of every batch
def _inherits(kind: type, parent: type, methods: tuple[str, ...]) -> bool:
    return issubclass(kind, parent) and all(
        getattr(kind, method) is getattr(parent, method) for method in methods
    )
