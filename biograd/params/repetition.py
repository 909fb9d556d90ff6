"""Rests of samples with sure answers."""

from __future__ import annotations

from dataclasses import dataclass

from ..checks import truth_value, whole_fields


@dataclass(frozen=True, kw_only=True)
class RepetitionParams:
    """Rests of samples with sure answers. A sample that rests costs no step, spike or update.

    Example:
        >>> RepetitionParams(longest=4).lead
        2
    """

    longest: int = 0  # longest rest, epochs; 0: every epoch presents every sample
    learn_sure: bool = True  # learn from samples with sure answers too, where they are presented
    first: int = 1  # epochs that a sample rests whose very first answer is sure
    lead: int = 2  # spikes by which the right class must lead all others for an answer to be sure

    def __post_init__(self) -> None:
        table, need = "repetition", "0 (never rest) to 1000 epochs"
        whole_fields(self, "longest", table=table, most=1000, need=need)
        need = f"1 to the longest rest, {self.longest} epochs"
        whole_fields(self, "first", table=table, least=1, most=max(1, self.longest), need=need)
        whole_fields(self, "lead", table=table, least=1, unit="spike")
        truth_value(self.learn_sure, "repetition.learn_sure")
