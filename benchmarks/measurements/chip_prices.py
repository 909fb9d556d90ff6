"""Modelled joules per sample of learning in the chip's integers, from a record's operations.

Records of `chip_learning`, those of class streams included, hold counted operations and no joules,
so that their energy always follows the constants of `hardware.energy` as they are today.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from biograd.runs.records import Record
from hardware.border.model import OperationCounts
from hardware.energy import PROFILES, EnergyProfile, Interval, estimate

# names of records that can be priced
NETS, HEADS, PROTOTYPES = "chip learning", "chip head", "class stream"
PRICE = "modelled_j_per_sample"  # where `priced` puts {profile: [low, high]}
TIME = "modelled_s_per_sample"  # and the seconds, likewise
# 784 x 64 synapses of 17 bit fill a core's 128 KB; as hardware.limits places them
PLASTIC_SYNAPSES_PER_CORE = 50_000
SCALE = 1000  # recorded operations are means per sample: whole numbers of a thousandth
_COUNTS = ("synaptic_operations", "synaptic_updates", "neuron_updates", "spikes")


def priced(record: Record) -> Record:
    """Return the record with modelled joules and seconds per sample, by energy profile.

    Joules are dynamic and static.

    A record of anything else, or one whose operations cannot be read, is returned as it is.
    """
    try:
        prices = _prices(record)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError):
        return record  # another version's, or damaged: the report shows it without joules
    return record | {"results": record["results"] | prices} if prices else record


def _prices(record: Record) -> dict[str, dict[str, list[float]]]:
    if not isinstance(record.get("results"), dict):
        return {}
    operations = record["results"].get("operations_per_sample")
    config = record.get("config") or {}
    if not operations or record.get("name") not in (NETS, HEADS, PROTOTYPES):
        return {}
    if record["name"] == PROTOTYPES:
        sizes, operations = [config["inputs"], config["prototypes"]], _by_layer(operations)
    else:
        sizes = config.get("sizes") or []
    if not sizes:
        return {}
    front = record["results"].get("front")
    prices = {name: _price(operations, sizes, profile, front) for name, profile in PROFILES.items()}
    return {
        PRICE: {name: list(joules) for name, (joules, _) in prices.items()},
        TIME: {name: list(seconds) for name, (_, seconds) in prices.items()},
    }


def _by_layer(counts: dict[str, Any]) -> dict[str, Any]:  # any: JSON
    """Return the operations of a prototype layer as those of a net of one layer.

    The prototypes send no spikes: the embedded processor reads their voltages.
    """
    layer: dict[str, Any] = {name: [0, counts[name]] for name in _COUNTS}
    return layer | {"spikes": [counts["spikes"], 0], "time_steps": counts["steps"]}


def _price(
    operations: dict[str, Any],  # any: JSON
    sizes: list[int],
    profile: EnergyProfile,
    front: dict[str, Any] | None = None,  # any: JSON
) -> tuple[Interval, Interval]:
    """Bounds on the joules, and on the seconds, of day and night together.

    Frozen layers before the net, `front`, add what inference costs, and no updates.
    Lower: the updates that were counted, no neuron update active. Upper: every synapse updated
    once, every neuron update active.
    """
    counts = {
        name: np.rint(SCALE * np.asarray(operations[name], dtype=float)).astype(np.int64)
        for name in _COUNTS
    }
    pairs = list(itertools.pairwise(sizes))
    cores = [max(1, -(-m * n // PLASTIC_SYNAPSES_PER_CORE)) for m, n in pairs]
    spikes = counts["spikes"].copy()
    spikes[-1] += round(SCALE * float(operations.get("error_spikes", 0)))
    every_synapse = SCALE * np.array([0, *(m * n for m, n in pairs)])
    nothing = np.zeros_like(spikes)

    def behind(name: str, own: np.ndarray) -> np.ndarray:
        """Return the counts of the frozen layers, then the net's own; its input is theirs."""
        if front is None:
            return own
        frozen = SCALE * np.asarray(front["operations_per_sample"][name], dtype=float)
        return np.concatenate([np.rint(frozen).astype(np.int64), own[1:]])

    bounds = [
        estimate(
            OperationCounts(
                synaptic_operations=behind("synaptic_operations", counts["synaptic_operations"]),
                active_updates=behind("active_updates", active),
                inactive_updates=behind("inactive_updates", inactive),
                spikes=behind("spikes", spikes),
                messages=behind("messages", spikes * np.array([*cores, 1])),
                synaptic_updates=behind("synaptic_updates", updates),
                samples=SCALE,
                steps=round(SCALE * float(operations.get("time_steps", 20))),
            ),
            [*(front["cores"] if front else ()), *cores],
            profile,
        )
        for active, inactive, updates in (
            (nothing, counts["neuron_updates"], counts["synaptic_updates"]),
            (
                counts["neuron_updates"],
                nothing,
                np.maximum(counts["synaptic_updates"], every_synapse),
            ),
        )
    ]
    fewest, most = bounds
    return (
        Interval(fewest.total.low, most.total.high),
        Interval(fewest.seconds.low, most.seconds.high),
    )
