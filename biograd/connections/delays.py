"""Delays of spikes on their way to a layer, of whole trains and step by step.

Each neuron before a layer has a delay d of its own, in steps: its spike of step t arrives at all of
the layer's synapses in step t + d. A synapse learns from the spikes that arrive, so its trace is
delayed, too. NIR's `Delay` node means the same, and the chip's synapses hold up to 62 steps.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..neurons import HasSpikes
from ..params.neuron import MAX_DELAY
from ..tensors import check_shapes


class DelayedState(NamedTuple):
    """State of a layer whose inputs have delays."""

    soma: HasSpikes  # as the neuron has it
    line: Tensor  # spikes on their way, those of this step first, [longest delay + 1, B, M]

    @property
    def s(self) -> Tensor:
        """Spikes of the layer, [B, N]."""
        return self.soma.s


def with_soma(state: HasSpikes, soma: HasSpikes) -> HasSpikes:
    """Return a layer's state with these somata."""
    return state._replace(soma=soma) if isinstance(state, DelayedState) else soma


def soma_of(state: HasSpikes) -> HasSpikes:
    """Return the somata of a layer's state, with or without delays."""
    return state.soma if isinstance(state, DelayedState) else state


def drawn_delays(
    longest: int, inputs: int, *, generator: torch.Generator | None = None
) -> Int[Tensor, " M"]:
    """Draw a delay for each input, each of 0 to `longest` steps alike."""
    return torch.randint(longest + 1, (inputs,), generator=generator)


def check_delays(delay: Int[Tensor, " M"], longest: int) -> None:
    """Raise ValueError where delays are no steps of 0 to `longest`, e.g. of a damaged file."""
    least, most = int(delay.min()), int(delay.max())
    if least < 0 or most > longest:
        raise ValueError(
            f"the delays of a layer hold {least if least < 0 else most} steps; need 0 to {longest},"
            f" the longest that it was made for (delays=..., at most {MAX_DELAY})"
        )


def delayed(
    s: Float[Tensor, "T B N"], delay: int | Int[Tensor, " N"], longest: int = MAX_DELAY
) -> Float[Tensor, "T B N"]:
    """Return spikes as they arrive, `delay` steps later; those that arrive after T are not seen.

    Args:
        delay: steps, of all neurons or of each.
        longest: of the delays of each neuron, which are held against it.

    Example:
        >>> s = torch.tensor([[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]]).view(3, 1, 2)
        >>> delayed(s, torch.tensor([0, 2]))[:, 0].tolist()
        [[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]]
    """
    if isinstance(delay, int):
        return torch.cat([torch.zeros_like(s[:delay]), s[: max(0, len(s) - delay)]])
    check_delays(delay, longest)
    waited = torch.cat([s.new_zeros(longest, *s.shape[1:]), s])
    fired = torch.arange(len(s), device=s.device)[:, None] + longest - delay  # step of `waited`
    return waited.gather(0, fired[:, None].expand(s.shape))


def resting(soma: HasSpikes, delay: Int[Tensor, " M"], longest: int) -> DelayedState:
    """Return the state before the first step: somata at rest, and no spikes on their way."""
    check_delays(delay, longest)
    return DelayedState(soma, soma.s.new_zeros(longest + 1, len(soma.s), len(delay)))


def take_in(
    state: HasSpikes, s: Float[Tensor, "B M"], delay: Int[Tensor, " M"] | None
) -> tuple[HasSpikes, Float[Tensor, "B M"]]:
    """Return the state of a layer with the spikes of this step on their way, and those that arrive.

    Args:
        delay: of the layer; None: it has none.
    Raises: ValueError for the state of a layer with delays where there are none, or the other way.
    """
    if isinstance(state, DelayedState) == (delay is None):
        raise ValueError(
            "states of layers with delays hold spikes on their way, and others none: start from"
            " rest()"
        )
    if not isinstance(state, DelayedState) or delay is None:
        return state, s
    check_shapes(("s", s, "B M"), ("state.line", state.line, "D B M"))
    state = state._replace(line=line_step(state.line, s))
    return state, arrived(state.line, delay)


def line_step(line: Float[Tensor, "D B M"], s: Float[Tensor, "B M"]) -> Float[Tensor, "D B M"]:
    """Advance the spikes on their way by one step; those of this step come first."""
    return torch.cat([s.to(line)[None], line[:-1]])


def arrived(line: Float[Tensor, "D B M"], delay: Int[Tensor, " M"]) -> Float[Tensor, "B M"]:
    """Return the spikes that arrive now: of each neuron those of `delay` steps ago."""
    return line.gather(0, delay.expand(1, *line.shape[1:]))[0]
