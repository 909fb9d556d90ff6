"""Joules and seconds per sample: modelled on Loihi, measured here and by others."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from biograd.pictures.charts import Quantity, colour_of, log_ranges
from biograd.pictures.style import BLUE, INK
from biograd.pictures.units import engineering, engineering_range
from biograd.runs.records import Record

from .chip import small_net_joules
from .evidence import Evidence, joules_of, machine_of, newest
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
MODES = ("training", "inference")
METHODS = ("BioGrad", "BPTT", "ANN")


def energy(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Show joules and seconds per sample, over all orders of magnitude."""
    section = Section("energy", "Energy and latency per sample")
    section.text(
        Markup(
            "Hollow ranges are {}: operations counted in the integer emulator, times published"
            " constants of Loihi 1; no chip was available. Dots are {}, by us or by the authors"
            " named. The two are never added up. Ranges run from the operations and the static"
            " power of the cores used to every synapse visited and the whole chip's static power."
        ).format(tag("modelled"), tag("measured"))
    )
    _charts(section, evidence)
    costs = evidence.results("loihi")
    if costs:
        _parts(section, costs)
        section.note(_communication(costs))
    else:
        section.missing("No network of ours has been priced for Loihi.", QUICK_COMMAND)
    _gpu_or_cpu(section, evidence)
    if operations := evidence.results("operations"):
        _operations(section, operations)
    return section


def _charts(section: Section, evidence: Evidence) -> None:
    published = {
        "training": (CHIP_TRAINING_J, CHIP_TRAINING_S),
        "inference": (CHIP_INFERENCE_J, CHIP_INFERENCE_S),
    }
    for mode, (joules, seconds) in published.items():
        modelled_j = _modelled(evidence, mode, "total_j")
        modelled_s = _modelled(evidence, mode, "seconds")
        if mode == "training" and (learned := small_net_joules(evidence)):
            name = "784-100-10, learned in integers\nLoihi, davies2018"
            modelled_j.append(Quantity(name, learned[0], learned[1], False, BLUE))
        measured_j, measured_s = _measured(evidence, mode)
        section.figures(
            (
                log_ranges([*modelled_j, *measured_j, *map(_published, joules)], unit="J"),
                f"Joules per sample, {mode}; log axis.",
            ),
            (
                log_ranges([*modelled_s, *measured_s, *map(_published, seconds)], unit="s"),
                f"Seconds per sample, {mode}; log axis.",
            ),
        )


def _modelled(evidence: Evidence, mode: str, figure: str) -> list[Quantity]:
    costs = evidence.results("loihi")
    nets = [(f"{'-'.join(map(str, costs['sizes']))}, T = {costs['steps']}", costs)] if costs else []
    nets += [
        (record["results"]["method"], record["results"]["loihi"])
        for record in newest(evidence.named("pareto"))
        if (record.get("config") or {}).get("hidden") == [100]
        and isinstance(record["results"].get("loihi"), dict)
    ]
    quantities = []
    for name, of_net in nets:
        for profile in of_net[mode]:
            low, high = of_net[mode][profile][figure]
            quantities.append(Quantity(f"{name}\nLoihi, {profile}", low, high, False, BLUE))
    return quantities


def _measured(evidence: Evidence, mode: str) -> tuple[list[Quantity], list[Quantity]]:
    """Return measured joules (where metered) and seconds: smallest batch, and the best one."""
    joules: list[Quantity] = []
    seconds: list[Quantity] = []
    for device, label in (("cuda", "GPU"), ("cpu", "CPU")):
        for method in METHODS:
            results = evidence.device_energy(device, mode, method)
            times = [(r["batch"], r["seconds_per_sample"]) for r in results]
            metered = [
                (r["batch"], value)
                for r in results
                if (value := joules_of(r, above_idle=False)) is not None
            ]
            for quantities, values in ((seconds, times), (joules, metered)):
                for batch, value in _first_and_best(values):
                    name = f"{method}, {label}, batch {batch}"
                    quantities.append(Quantity(name, value, value, True, colour_of(method)))
    return joules, seconds


def _first_and_best(values: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Return the smallest batch and the one of the smallest value, once if they are the same."""
    if not values:
        return []
    return list(dict.fromkeys((values[0], min(values, key=lambda pair: pair[1]))))


def _published(p: Published) -> Quantity:
    note = f" ({p.note})" if p.note else ""
    return Quantity(p.what.replace(", ", "\n", 1) + note, p.value, p.value, True, INK)


def _parts(section: Section, costs: Record) -> None:
    names = {
        "synaptic_operations_j": "synaptic operations",
        "neuron_updates_j": "neuron updates",
        "synaptic_updates_j": "synaptic updates (learning)",
        "spikes_j": "spikes",
        "messages_j": "messages between cores",
        "dynamic_j": "dynamic, all of these",
        "static_j": "static",
        "total_j": "total, dynamic and static",
        "x86_j": "x86, not part of the total",
    }
    columns = [(mode, profile) for mode in MODES for profile in costs[mode]]
    section.table(
        ["part", *(f"{mode}, {profile}" for mode, profile in columns)],
        [
            [
                part,
                *(engineering_range(costs[mode][profile][name], "J") for mode, profile in columns),
            ]
            for name, part in names.items()
        ],
        numbers=(1, 2, 3, 4),
        caption=(
            "Modelled joules per sample, at the end of training; x86: the chip's embedded"
            " processors, none to all of them. In davies2018 the energy of a neuron update includes"
            " that of its spike."
        ),
        stack=True,
    )


def _communication(costs: Record) -> str:
    shares = []
    for profile, of_profile in costs["inference"].items():
        communication, computation = (
            sum(of_profile[name]) / 2 for name in ("communication_j", "computation_j")
        )
        ratio = f"1 : {computation / communication:,.0f}" if communication else "none"
        shares.append(f"{ratio} ({profile})")
    return (
        f"Communication to computation, inference: {', '.join(shares)}. The human cortex is said to"
        f" be at {CORTEX_COMMUNICATION.value:.0f} : 1 (Levy and Calvert 2021): here all neurons lie"
        " within a few cores, and a spike between neighbours costs less than one synapse."
    )


def _gpu_or_cpu(section: Section, evidence: Evidence) -> None:
    for device, owner in (("cuda", "a GPU"), ("cpu", "this CPU")):
        records = [
            record
            for record in evidence.named("device energy")
            if record["results"].get("device") == device
        ]
        if not records:
            if device == "cuda":
                section.missing(
                    "There is no recorded GPU run, so no joules of a GPU.", ENERGY_COMMAND
                )
            continue
        last = records[-1]
        metered = any(joules_of(r["results"], above_idle=False) is not None for r in records)
        if not metered:
            meter = last["results"].get("meter", "no meter")
            section.note(
                f"Joules of {owner}: {meter} (machine: {machine_of(last)}). Seconds are"
                " measured; joules are not guessed."
            )
            continue
        driver = last["results"].get("driver") or "unknown"
        section.note(
            f"Joules of {owner}: {last['results']['meter']}, driver {driver}; {machine_of(last)},"
            f" {str(last.get('when'))[:10]}, commit {last.get('commit')}."
        )
        section.table(
            ["", "method", "batch", "J per sample, total", "above idle", "seconds per sample"],
            _device_rows(evidence, device),
            numbers=(2, 3, 4, 5),
            caption="Measured; means over windows whose counter moved.",
        )


def _device_rows(evidence: Evidence, device: str) -> list[list[str]]:
    rows = []
    for mode in MODES:
        for method in METHODS:
            for r in evidence.device_energy(device, mode, method):
                joules = [joules_of(r, above_idle=above_idle) for above_idle in (False, True)]
                cells = [engineering(j, "J") if j is not None else "–" for j in joules]
                seconds = engineering(r["seconds_per_sample"], "s")
                rows.append([mode, method, str(r["batch"]), *cells, seconds])
    return rows


def _operations(section: Section, r: Record) -> None:
    section.table(
        ["NeuroBench metric", "this run"],
        [
            ["footprint", engineering(r["footprint"], "B")],
            ["connection sparsity", f"{r['connection_sparsity']:.3f}"],
            ["activation sparsity", f"{r['activation_sparsity']:.3f}"],
            ["synaptic operations per sample, dense", f"{r['dense']:,.0f}"],
            ["effective MACs", f"{r['effective_macs']:,.0f}"],
            ["effective ACs", f"{r['effective_acs']:,.0f}"],
        ],
        numbers=(1,),
        caption=f"Counted over {r['samples']} test images.",
    )
    rate = 100 * (1 - r["activation_sparsity"])
    verdict = (
        "below it"
        if rate < SPARSE_ENOUGH.value
        else "above it, so the saving here comes from the chip, not from sparsity"
    )
    section.note(
        f"Our rate: {rate:.1f} % of neurons fire per step (input"
        f" {100 * r['input_spike_rate']:.1f} %), T = {r['steps']}. Yan et al. 2024 find that a"
        " spiking net beats an equal quantised one only below about"
        f" {SPARSE_ENOUGH.value:.0f} % ({SPARSE_ENOUGH.note}): we are {verdict}."
    )
