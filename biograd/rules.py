"""Local learning rules: what each synapse learns from the two sides it touches.

After the synapse there is the gated apical voltage g = v_apical psi, before it there are spikes.
The update goes into `.grad` with its sign turned, so that any torch optimizer and scheduler applies
it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from . import traces
from .checks import instance_of, whole_number
from .fast_path import STEPS, keeps
from .inputs import is_trusted
from .tensors import check_shapes, floats_like
from .texts import described
from .traces import TraceParams, TraceState, trace_scan, trace_step


class Update(NamedTuple):
    """A layer's wished change: dw [out, in] and db [out], mean over batch and time, thresholds.

    A rule returns the change of one set of synapses; the learner puts a recurrent layer's second
    set into `dw_rec` [out, out].

    Example:
        >>> Factorised().over_time(torch.ones(5, 2, 3), torch.ones(5, 2, 4)).dw.shape    # [out, in]
        torch.Size([3, 4])
    """

    dw: Tensor
    db: Tensor
    dw_rec: Tensor | None = None


class Rule(ABC):
    """A learning rule. Extend it to add one: `start`, `step` and `finish`.

    The state is any tuple; its size must not depend on the number of steps, so that the online
    order needs the same memory for any number of them. A line in `RULES` makes the rule known to
    configurations by name, which build it by `for_layer`.

    In the layer order a rule is given whole spike trains, by `over_time`: the loop over its steps
    unless it has a faster form. A subclass that overrides `start`, `step` or `finish` without an
    `over_time` of its own takes the loop, never its parent's faster form.

    Example:
        >>> class Doubled(Factorised):
        ...     def finish(self, state, steps):
        ...         update = super().finish(state, steps)
        ...         return Update(2 * update.dw, 2 * update.db)
        >>> g, s_pre = torch.ones(5, 2, 3), torch.ones(5, 2, 4)
        >>> (Doubled().over_time(g, s_pre).dw / Factorised().over_time(g, s_pre).dw).max().item()
        2.0
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:  # any: Python's own protocol
        super().__init_subclass__(**kwargs)
        owner = next(kind for kind in cls.__mro__ if "over_time" in vars(kind))
        if any(getattr(cls, method) is not getattr(owner, method) for method in STEPS):
            cls.over_time = Rule.over_time  # type: ignore[method-assign]

    def __repr__(self) -> str:
        return described(self)

    @classmethod
    def for_layer(cls, trace: TraceParams) -> Rule:
        """Build the rule of one layer of a configured run; rules with constants override this.

        Args:
            trace: the run's traces, or those that decay as the layer's neurons do.
        """
        return cls()

    @abstractmethod
    # any: the rule's own state, here and below
    def start(self, g: Float[Tensor, "B N"], s_pre: Float[Tensor, "B M"]) -> Any:
        """Return the state before the first step, for two sides of these shapes."""

    @abstractmethod
    def step(self, state: Any, g: Float[Tensor, "B N"], s_pre: Float[Tensor, "B M"]) -> Any:
        """Take one step into account.

        Args:
            g: v_apical psi after the synapse, [B, N], thresholds.
            s_pre: spikes before it, 0 or 1, [B, M].
        """

    @abstractmethod
    def finish(self, state: Any, steps: int) -> Update:
        """Return the update after `steps` steps."""

    def over_time(self, g: Float[Tensor, "T B N"], s_pre: Float[Tensor, "T B M"]) -> Update:
        """Return the update of whole trains: by the rule's steps, or by a faster form of them."""
        state = self.start(g[0], s_pre[0])
        for t in range(g.shape[0]):
            state = self.step(state, g[t], s_pre[t])
        return self.finish(state, g.shape[0])


class EligibilityState(NamedTuple):
    """Traces of a layer's synapses, and the sums of g z^T and g z so far."""

    pre: TraceState  # of the presynaptic spikes
    always: TraceState  # of the always-on input behind the bias, [1, 1]
    dw: Tensor
    db: Tensor


class Eligibility(Rule):
    """dw = 1/(B T) sum over b, t of g z^T, with z the presynaptic trace (see `traces.trace_step`).

    Third factor times eligibility, step by step. The eligibility psi z^T of a sample is [out, in];
    the sum is one matrix product and never builds it. The bias is a weight from an input that fires
    at every step, and learns like one.
    Source: Tang et al. 2021 (arXiv 2110.14092, abstract); the form is ours.

    Example:
        >>> rule = Eligibility(TraceParams(alpha_x=0.0, alpha_z=0.0))    # no memory
        >>> s_pre = torch.tensor([1.0, 0.0]).view(2, 1, 1)    # a spike in the first of two steps
        >>> rule.over_time(g=torch.ones(2, 1, 1), s_pre=s_pre).dw.item()
        0.5
    """

    def __init__(self, trace: TraceParams | None = None) -> None:
        self.trace = TraceParams() if trace is None else trace
        instance_of(self.trace, TraceParams, "trace", "TraceParams()")

    @classmethod
    def for_layer(cls, trace: TraceParams) -> Eligibility:
        return cls(trace)

    def start(self, g: Float[Tensor, "B N"], s_pre: Float[Tensor, "B M"]) -> EligibilityState:
        s_pre = _step_sides(g, s_pre)
        always = g.new_zeros(1, 1)
        dw, db = g.new_zeros(g.shape[1], s_pre.shape[1]), g.new_zeros(g.shape[1])
        return EligibilityState(traces.rest(s_pre), traces.rest(always), dw, db)

    def step(
        self, state: EligibilityState, g: Float[Tensor, "B N"], s_pre: Float[Tensor, "B M"]
    ) -> EligibilityState:
        s_pre = _step_sides(g, s_pre)
        _check_sums(state, EligibilityState, g, dw=(g.shape[1], s_pre.shape[1]), db=g.shape[1:])
        pre = trace_step(state.pre, s_pre, self.trace)
        always = trace_step(state.always, torch.ones_like(state.always.x), self.trace)
        dw, db = state.dw + g.T @ pre.z / len(g), state.db + always.z[0, 0] * g.mean(0)
        return EligibilityState(pre, always, dw, db)

    def finish(self, state: EligibilityState, steps: int) -> Update:
        _check_sums(state, EligibilityState)
        whole_number(steps, "steps", 1)
        return Update(state.dw / steps, state.db / steps)

    def over_time(self, g: Float[Tensor, "T B N"], s_pre: Float[Tensor, "T B M"]) -> Update:
        """Return the update of whole trains, in one matrix product."""
        s_pre = _whole_sides(g, s_pre)
        steps, batch = g.shape[:2]
        z = trace_scan(s_pre, self.trace)
        always = trace_scan(g.new_ones(steps, 1, 1), self.trace)
        dw = g.flatten(0, 1).T @ z.flatten(0, 1) / (steps * batch)
        return Update(dw, (always[:, 0] * g.mean(1)).sum(0) / steps)


class FactorisedState(NamedTuple):
    """Sums of a layer's two sides so far."""

    g: Tensor
    s_pre: Tensor


class Factorised(Rule):
    """dw = 1/B sum over b of mean_t(g) mean_t(s_pre)^T: who spoke and who was taught, not when.

    Half the arithmetic or less; lost 0.1 to 0.2 points on MNIST in our trials. Ours.

    Example:
        >>> g, s_pre = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])    # of two steps
        >>> Factorised().over_time(g.view(2, 1, 1), s_pre.view(2, 1, 1)).dw.item()
        0.25
    """

    def start(self, g: Float[Tensor, "B N"], s_pre: Float[Tensor, "B M"]) -> FactorisedState:
        s_pre = _step_sides(g, s_pre)
        return FactorisedState(torch.zeros_like(g), torch.zeros_like(s_pre))

    def step(
        self, state: FactorisedState, g: Float[Tensor, "B N"], s_pre: Float[Tensor, "B M"]
    ) -> FactorisedState:
        s_pre = _step_sides(g, s_pre)
        _check_sums(state, FactorisedState, g, g=g.shape, s_pre=s_pre.shape)
        return FactorisedState(state.g + g, state.s_pre + s_pre)

    def finish(self, state: FactorisedState, steps: int) -> Update:
        _check_sums(state, FactorisedState)
        whole_number(steps, "steps", 1)
        g = state.g / steps
        return Update(g.T @ (state.s_pre / steps) / len(g), g.mean(0))

    def over_time(self, g: Float[Tensor, "T B N"], s_pre: Float[Tensor, "T B M"]) -> Update:
        """Return the update of whole trains, from their sums."""
        s_pre = _whole_sides(g, s_pre)
        return self.finish(FactorisedState(g.sum(0), s_pre.sum(0)), g.shape[0])


def update_over_time(
    rule: Rule, g: Float[Tensor, "T B N"], s_pre: Float[Tensor, "T B M"]
) -> Update:
    """Return a rule's update of whole trains; step by step where a step of this object is replaced.

    Args:
        g: v_apical psi after the synapses, [T, B, N], thresholds.
        s_pre: spikes before them, 0 or 1, [T, B, M].
    """
    faster = keeps(rule, type(rule), *STEPS)
    return rule.over_time(g, s_pre) if faster else Rule.over_time(rule, g, s_pre)


def _step_sides(g: Tensor, s_pre: Tensor) -> Tensor:
    """Return the spikes of a step in the type of `g`, once both sides are known to fit."""
    s_pre = floats_like(s_pre, g, "s_pre")
    check_shapes(("g", g, "B N"), ("s_pre", s_pre, "B M"))
    return s_pre


def _whole_sides(g: Tensor, s_pre: Tensor) -> Tensor:
    """Return the spikes of whole trains in the type of `g`, once both sides are known to fit."""
    s_pre = floats_like(s_pre, g, "s_pre")
    check_shapes(("g", g, "T B N"), ("s_pre", s_pre, "T B M"))
    if not len(g) or not g.shape[1]:
        raise ValueError(f"g has the shape {tuple(g.shape)}; need at least one step and one sample")
    return s_pre


def _check_sums(
    state: object, kind: type, like: Tensor | None = None, /, **shapes: Sequence[int]
) -> None:
    """Raise TypeError or ValueError for anything but a rule's state of these shapes.

    Args:
        like: a tensor of the state's type.
        shapes: of the state's sums.
    """
    if is_trusted():
        return
    instance_of(state, kind, "state", f"a {kind.__name__}, as `start` returns it")
    for name, shape in shapes.items():
        part = getattr(state, name)
        if tuple(part.shape) != tuple(shape) or (like is not None and part.dtype != like.dtype):
            raise ValueError(
                f"state.{name} has the shape {tuple(part.shape)} and {part.dtype}; need"
                f" {tuple(shape)}, and the type of g: start from `start` for sides like these"
            )


RULES: dict[str, type[Rule]] = {"eligibility": Eligibility, "factorised": Factorised}
