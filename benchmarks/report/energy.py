"""Joules and seconds per sample: modelled on Loihi, measured here and by others."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from biograd.pictures.charts import Quantity, colour_of, engineering, engineering_range, log_ranges
from biograd.pictures.plots import BLUE, INK

from .chip import small_net_joules
from .evidence import Evidence, Record, joules_of, machine_of, newest
from .literature import (
    CHIP_INFERENCE_J,
    CHIP_INFERENCE_S,
    CHIP_TRAINING_J,
    CHIP_TRAINING_S,
    CORTEX_COMMUNICATION,
    SPARSE_ENOUGH,
    Published,
)
from .page import Section, tag

QUICK_COMMAND = "biograd benchmark --suite quick --run runs/mnist"
ENERGY_COMMAND = "biograd benchmark --suite energy --run runs/mnist"


def energy(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Joules and seconds per sample, over all orders of magnitude."""
    section = Section("energy", "Energy and latency per sample")
    section.text(
        Markup(
            "Hollow ranges are {}: operations counted in the integer emulator, times published"
            " constants of Loihi 1; no chip was at hand. Dots are {}, by us or by the authors"
            " named. The two are never added up. Ranges run from the operations and the static"
            " power of the cores used to every synapse visited and the whole chip's static power."
        ).format(tag("modelled"), tag("measured"))
    )
    chip = evidence.results("loihi")
    for mode, joules, seconds in (
        ("training", CHIP_TRAINING_J, CHIP_TRAINING_S),
        ("inference", CHIP_INFERENCE_J, CHIP_INFERENCE_S),
    ):
        ours_j, ours_s = _ours(evidence, mode, "total_j"), _ours(evidence, mode, "seconds")
        if mode == "training" and (learned := small_net_joules(evidence)):
            ours_j.append(
                Quantity(
                    "784-100-10, learned in integers\nLoihi, davies2018",
                    learned[0],
                    learned[1],
                    False,
                    BLUE,
                )
            )
        here_j, here_s = _here(evidence, mode)
        section.figures(
            (
                log_ranges([*ours_j, *here_j, *map(_published, joules)], unit="J"),
                f"Joules per sample, {mode}; log axis.",
            ),
            (
                log_ranges([*ours_s, *here_s, *map(_published, seconds)], unit="s"),
                f"Seconds per sample, {mode}; log axis.",
            ),
        )
    if chip:
        section.table(
            *_parts(chip),
            numbers=(1, 2, 3, 4),
            caption=(
                "Modelled joules per sample, at the end of training; x86: the chip's embedded"
                " processors, none to all of them. In davies2018 a neuron update's energy holds"
                " that of its spike."
            ),
            stack=True,
        )
        section.note(_communication(chip))
    else:
        section.missing("No network of ours has been priced for Loihi.", QUICK_COMMAND)
    _device_notes(section, evidence)
    if found := evidence.results("operations"):
        rows = [
            ["footprint", engineering(found["footprint"], "B")],
            ["connection sparsity", f"{found['connection_sparsity']:.3f}"],
            ["activation sparsity", f"{found['activation_sparsity']:.3f}"],
            ["synaptic operations per sample, dense", f"{found['dense']:,.0f}"],
            ["effective MACs", f"{found['effective_macs']:,.0f}"],
            ["effective ACs", f"{found['effective_acs']:,.0f}"],
        ]
        section.table(
            ["NeuroBench metric", "this run"],
            rows,
            numbers=(1,),
            caption=f"Counted over {found['samples']} test images.",
        )
        rate = 100 * (1 - found["activation_sparsity"])
        verdict = (
            "below it"
            if rate < SPARSE_ENOUGH.value
            else "above it, so the saving here comes from the chip, not from sparsity"
        )
        section.note(
            f"Our rate: {rate:.1f} % of neurons fire in a step (input"
            f" {100 * found['input_spike_rate']:.1f} %), T = {found['steps']}. Yan et al. 2024 find"
            " that a spiking net beats an equal quantised one only below about"
            f" {SPARSE_ENOUGH.value:.0f} % ({SPARSE_ENOUGH.note}): we are {verdict}."
        )
    return section


def _ours(evidence: Evidence, mode: str, figure: str) -> list[Quantity]:
    found = []
    chip = evidence.results("loihi")
    sources = [(f"{'-'.join(map(str, chip['sizes']))}, T = {chip['steps']}", chip)] if chip else []
    sources += [
        (record["results"]["method"], record["results"]["loihi"])
        for record in newest(evidence.named("pareto"))
        if (record.get("config") or {}).get("hidden") == [100]
        and isinstance(record["results"].get("loihi"), dict)
    ]
    for name, costs in sources:
        for profile in costs[mode]:
            low, high = costs[mode][profile][figure]
            found.append(Quantity(f"{name}\nLoihi, {profile}", low, high, False, BLUE))
    return found


def _here(evidence: Evidence, mode: str) -> tuple[list[Quantity], list[Quantity]]:
    """This machine's own joules (where metered) and seconds: smallest batch and the best."""
    joules, seconds = [], []
    for device in ("cuda", "cpu"):
        for method in ("BioGrad", "BPTT", "ANN"):
            found = evidence.device_energy(device, mode, method)
            if not found:
                continue
            label = "GPU" if device == "cuda" else "CPU"
            fastest = min(found, key=lambda r: r["seconds_per_sample"])
            for r in (found[0], fastest) if fastest is not found[0] else (found[0],):
                value = r["seconds_per_sample"]
                seconds.append(
                    Quantity(
                        f"{method}, {label}, batch {r['batch']}",
                        value,
                        value,
                        True,
                        colour_of(method),
                    )
                )
            metered = [(r, joules_of(r, above_idle=False)) for r in found]
            known = [(r["batch"], j) for r, j in metered if j is not None]
            if known:
                best = min(known, key=lambda pair: pair[1])
                for batch, j in (known[0], best) if best != known[0] else (best,):
                    joules.append(
                        Quantity(f"{method}, {label}, batch {batch}", j, j, True, colour_of(method))
                    )
    return joules, seconds


def _device_notes(section: Section, evidence: Evidence) -> None:
    for device, meter in (("cuda", "a GPU"), ("cpu", "this CPU")):
        found = [
            record
            for record in evidence.named("device energy")
            if record["results"].get("device") == device
        ]
        if not found and device == "cuda":
            section.missing("There is no recorded GPU run, so no joules of a GPU.", ENERGY_COMMAND)
        elif found and all(
            joules_of(record["results"], above_idle=False) is None for record in found
        ):
            how = found[-1]["results"].get("meter", "no meter")
            section.note(
                f"Joules of {meter}: {how} (machine: {machine_of(found[-1])}). Seconds are"
                " measured; joules are not guessed."
            )
        elif found:
            record = found[-1]
            how = (
                f"{record['results']['meter']}, driver"
                f" {record['results'].get('driver') or 'unknown'}"
            )
            section.note(
                f"Joules of {meter}: {how}; {machine_of(record)}, {str(record.get('when'))[:10]},"
                f" commit {record.get('commit')}."
            )
            section.table(
                *_device_table(evidence, device),
                numbers=(2, 3, 4, 5),
                caption="Measured; means over windows whose counter moved.",
            )


def _device_table(evidence: Evidence, device: str) -> tuple[list[str], list[list[str]]]:
    rows = []
    for mode in ("training", "inference"):
        for method in ("BioGrad", "BPTT", "ANN"):
            for r in evidence.device_energy(device, mode, method):
                total, above = joules_of(r, above_idle=False), joules_of(r, above_idle=True)
                values = [engineering(v, "J") if v is not None else "–" for v in (total, above)]
                rows.append(
                    [
                        mode,
                        method,
                        str(r["batch"]),
                        *values,
                        engineering(r["seconds_per_sample"], "s"),
                    ]
                )
    return ["", "method", "batch", "J per sample, total", "above idle", "seconds per sample"], rows


def _parts(chip: Record) -> tuple[list[str], list[list[str]]]:
    names = {
        "synaptic_operations_j": "synaptic operations",
        "neuron_updates_j": "neuron updates",
        "synaptic_updates_j": "synaptic updates (learning)",
        "spikes_j": "spikes",
        "messages_j": "messages between cores",
        "dynamic_j": "dynamic, all of these",
        "static_j": "static",
        "total_j": "total, dynamic and static",
        "x86_j": "x86, beside the total",
    }
    columns = ["part"] + [
        f"{mode}, {profile}" for mode in ("training", "inference") for profile in chip[mode]
    ]
    rows = [
        [told]
        + [
            engineering_range(chip[mode][profile][name], "J")
            for mode in ("training", "inference")
            for profile in chip[mode]
        ]
        for name, told in names.items()
    ]
    return columns, rows


def _communication(chip: Record) -> str:
    shares = []
    for profile, costs in chip["inference"].items():
        communication, computation = (
            sum(costs[name]) / 2 for name in ("communication_j", "computation_j")
        )
        shares.append(
            f"1 : {computation / communication:,.0f} ({profile})"
            if communication
            else f"none ({profile})"
        )
    return (
        f"Communication to computation, inference: {', '.join(shares)}. The human cortex is said to"
        f" be at {CORTEX_COMMUNICATION.value:.0f} : 1 (Levy and Calvert 2021): here all neurons lie"
        " within a few cores, and a spike between neighbours costs less than one synapse."
    )


def _published(p: Published) -> Quantity:
    note = f" ({p.note})" if p.note else ""
    return Quantity(p.what.replace(", ", "\n", 1) + note, p.value, p.value, True, INK)
