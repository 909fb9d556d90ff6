"""Costs: joules and seconds, the model behind them, what saves them, memory, speed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from .charts import COLOURS, Line, Quantity, colour_of, curves, engineering, log_ranges, scatter, tornado
from .evidence import Evidence, Record, busy, joules_of, machine_of
from .literature import CHIP_INFERENCE_J, CHIP_INFERENCE_S, CHIP_TRAINING_J, CHIP_TRAINING_S, CORTEX_COMMUNICATION, SPARSE_ENOUGH, Published
from .page import Section, tag
from .plots import BLUE, INK, SKY
from .section_chip import small_net_joules

QUICK_COMMAND = "biograd benchmark --suite quick --run runs/mnist"
ENERGY_COMMAND = "biograd benchmark --suite energy --run runs/mnist"
SPEED_COMMAND = "biograd benchmark --suite speed"


def energy(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Joules and seconds a sample, over all orders of magnitude."""
    section = Section("energy", "Energy and latency a sample")
    section.text(
        Markup(
            "Hollow ranges are {}: operations counted in the integer emulator, times published constants of Loihi 1; no chip was at hand. "
            "Dots are {}, by us or by the authors named. The two are never added up. Ranges run from the operations and the static power "
            "of the cores used to every synapse visited and the whole chip's static power."
        ).format(tag("modelled"), tag("measured"))
    )
    chip = evidence.results("loihi")
    for mode, joules, seconds in (("training", CHIP_TRAINING_J, CHIP_TRAINING_S), ("inference", CHIP_INFERENCE_J, CHIP_INFERENCE_S)):
        ours_j, ours_s = _ours(evidence, mode, "total_j"), _ours(evidence, mode, "seconds")
        if mode == "training" and (learned := small_net_joules(evidence)):
            ours_j.append(Quantity("784-100-10, learned in integers\nLoihi, davies2018", learned[0], learned[1], False, BLUE))
        here_j, here_s = _here(evidence, mode)
        section.figures(
            (log_ranges([*ours_j, *here_j, *map(_published, joules)], unit="J"), f"Joules a sample, {mode}; log axis."),
            (log_ranges([*ours_s, *here_s, *map(_published, seconds)], unit="s"), f"Seconds a sample, {mode}; log axis."),
        )
    if chip:
        section.table(
            *_parts(chip), numbers=(1, 2, 3, 4), caption="Modelled joules a sample; x86 is the chip's embedded processors, at most."
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
            ["synaptic operations a sample, dense", f"{found['dense']:,.0f}"],
            ["effective MACs", f"{found['effective_macs']:,.0f}"],
            ["effective ACs", f"{found['effective_acs']:,.0f}"],
        ]
        section.table(["NeuroBench metric", "this run"], rows, numbers=(1,), caption=f"Counted over {found['samples']} test images.")
        rate = 100 * (1 - found["activation_sparsity"])
        verdict = "below it" if rate < SPARSE_ENOUGH.value else "above it, so the saving here comes from the chip, not from sparsity"
        section.note(
            f"Our rate: {rate:.1f} % of neurons fire in a step (input {100 * found['input_spike_rate']:.1f} %), T = {found['steps']}. "
            f"Yan et al. 2024 find that a spiking net beats an equal quantised one only below about {SPARSE_ENOUGH.value:.0f} % "
            f"({SPARSE_ENOUGH.note}): we are {verdict}."
        )
    return section


def energy_model(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """The model held against silicon, and what a wrong constant would do."""
    section = Section("model", "How far the energy model can be trusted")
    found = evidence.results("energy model against silicon")
    if found:
        section.text("The same model, given the published network of Renner et al. 2024, beside what they measured on Loihi.")
        rows = [
            [
                profile,
                row["what"],
                engineering(row["measured"], row["unit"]),
                f"{engineering(row['modelled'][0], row['unit'])} – {engineering(row['modelled'][1], row['unit'])}",
                f"{row['ratio']:.2f}",
                "yes" if row["inside"] else "no",
                row["explanation"],
            ]
            for profile, compared in found.items()
            for row in compared
        ]
        columns = ["constants", "figure, a sample", "measured", "modelled", "middle / measured", "in range", "why they differ"]
        section.table(columns, rows, numbers=(2, 3, 4), stack=True)
    else:
        section.missing("The comparison with silicon is not recorded.", QUICK_COMMAND)
    chip = evidence.results("loihi")
    if chip.get("sensitivity"):
        rows_s = chip["sensitivity"]
        factor, base = rows_s[0]["factor"], rows_s[0]["total_j"]
        bars = [(row["constant"].replace("_", " "), row["low_j"], row["high_j"]) for row in rows_s]
        caption = (
            f"Modelled joules a training sample (middle of the range) when one constant is {factor:.0f} times smaller (blue) or "
            "larger (orange)."
        )
        section.figures((tornado(bars, base, unit="J"), caption))
    return section


def fewer_joules(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Accuracy against energy: steps, sizes, bits, early answers."""
    section = Section("pareto", "Fewer joules by design")
    chip = evidence.results("loihi")
    points: list[tuple[str, float, float, str]] = []
    rows: list[list[str]] = []
    for entry in chip.get("pareto") or []:
        colour = BLUE if entry["changed"] == "steps" else SKY
        _add(points, rows, f"this run, {entry['changed']} = {entry['value']}", entry["test_accuracy"], entry, colour)
    taught: list[list[str]] = _taught("this run", chip, chip) if "training" in chip else []
    for index, record in enumerate(_newest(evidence.named("pareto"))):
        costs = record["results"].get("loihi") or {}
        if costs:
            inference = costs["inference"]["davies2018"]
            _add(points, rows, record["results"]["method"], costs["test_accuracy"], inference, COLOURS[1 + index % 4])
            taught += _taught(record["results"]["method"], costs, chip)
    if points:
        section.text(
            "Inference, modelled (davies2018), in the chip's integers. Dynamic energy, so that no assumption on static power enters."
        )
        columns = ["no.", "variant", "test % on the chip", "dynamic J a sample", "seconds a sample"]
        figure = scatter(points, x="dynamic energy a sample (modelled, middle)", y="test accuracy (%)", unit="J")
        section.figures((figure, "The grey line joins what nothing beats in both; numbers as in the table."))
        section.table(columns, rows, numbers=(0, 2, 3, 4))
    else:
        section.missing("No trade-off is recorded.", ENERGY_COMMAND)
    if len(taught) > 1:
        columns = ["variant", "test % on the chip", "J a training sample, dynamic", "total", "times fewer, at least", "at most"]
        caption = (
            "Training, modelled (davies2018), at the end of training; times fewer than this run, total: where every synapse is visited "
            "for every sample and the whole chip's static power counts, and where only those that learn do and its own cores'."
        )
        section.table(columns, taught, numbers=(1, 2, 3, 4, 5), caption=caption)
    if chip.get("early_answers"):
        early = [
            [
                f"{row['lead']} spike{'s' if row['lead'] > 1 else ''}",
                f"{row['mean_steps']:.1f} of {row['of_steps']}",
                f"{100 * row['test_accuracy']:.2f}",
                f"{row['of_steps'] / row['mean_steps']:.1f}",
            ]
            for row in chip["early_answers"]
        ]
        columns = ["stop when a class leads by", "steps taken", "test %", "times fewer steps"]
        full = f"{100 * chip['test_accuracy']:.2f} % with all steps."
        section.table(columns, early, numbers=(1, 2, 3), caption=f"Early answers, in the chip's integers; {full}")
    if "samples_learned_from" in chip:
        fewest, most = (chip["training_operations_per_sample"][name]["synaptic_updates"] for name in ("fewest", "most"))
        section.note(
            f"Learning only from samples that are not yet right, and at synapses whose input fired, leaves {fewest:,.0f} of "
            f"{most:,.0f} synaptic updates a sample at the end of training "
            f"({100 * chip['samples_learned_from']:.0f} % of the samples are learned from)."
        )
    return section


def memory(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Peak memory against the number of steps."""
    section = Section("memory", "Memory against time steps")
    found = evidence.named("memory")
    if not found:
        return section.missing("Memory has not been measured.", QUICK_COMMAND)
    kept = max(found, key=lambda record: (record["results"]["steps"][-1], str(record.get("when"))))["results"]
    lines = [
        Line(name, kept["steps"], [b / 2**20 for b in peak], COLOURS[index % len(COLOURS)])
        for index, (name, peak) in enumerate(kept["peak_bytes"].items())
    ]
    figure = curves(lines, x="time steps T", y="peak of one learning step (MiB)", log=True)
    caption = (
        f"784-256-256-10, batch {kept['batch']}; tensors allocated in one learning step, exact to the byte. The input spikes "
        f"themselves are not counted, nor the compiled loops' scratch (4 bytes a neuron and step of one sample). "
        f"Online: {kept['online_growth']:.2f} times from T = {kept['steps'][0]} to {kept['steps'][-1]}."
    )
    return section.figures((figure, caption))


def speed(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Training and inference against the peers, in one process, in turns."""
    section = Section("speed", "Speed against the peers")
    found = _newest(evidence.named("speed"))
    if not found:
        return section.missing("No race has been run.", SPEED_COMMAND)
    for record in found:
        r = record["results"]
        rows = []
        for name, median in sorted(r["samples_per_second"].items(), key=lambda item: -item[1]):
            low, high = r.get("quartiles", {}).get(name, (None, None))
            rows.append([name, f"{median:,.0f}", f"{low:,.0f} – {high:,.0f}" if low is not None else "–"])
        load = (
            f" Others were at work on the machine (load {record['machine']['load']}): ratios hold better than samples a second."
            if busy(record)
            else ""
        )
        caption = (
            f"Training, {'-'.join(map(str, r['sizes']))}, T = {r['steps']}, batch {r['batch']}, {r['threads']} thread(s), "
            f"{r['rounds']} interleaved rounds, float32, {_INPUTS[r.get('inputs', 'random')]}; {machine_of(record)}.{load}"
        )
        section.table(
            ["method", "samples/s (median)", "quartiles"],
            rows,
            numbers=(1, 2),
            ours=[i for i, row in enumerate(rows) if row[0].startswith("BioGrad")],
            caption=caption,
        )
        shares = [f"{rule} {r[f'floor_share_{rule}']:.2f}" for rule in ("full", "factorised") if f"floor_share_{rule}" in r]
        section.note(
            f"Median ratios to snnTorch's faster way: full rule {r['ratio_full_vs_snntorch']:.1f}, factorised "
            f"{r['ratio_factorised_vs_snntorch']:.1f}; to BPTT with our own fused scans: {r['ratio_full_vs_fused_bptt']:.1f} and "
            f"{r['ratio_factorised_vs_fused_bptt']:.1f}, which is what the local rule itself buys."
            + (f" Speed over that of the dense matrix products alone, measured beside it: {', '.join(shares)}." if shares else "")
        )
    for record in _newest(evidence.named("inference speed")):
        r = record["results"]
        section.note(
            f"Inference, {r['threads']} thread(s), {_INPUTS[r.get('inputs', 'random')]}: "
            f"{r['ratio_inference_vs_snntorch']:.1f} times snnTorch's faster way."
        )
    for record in _newest(evidence.named("emulator speed")):
        r = record["results"]
        lavas = r.get("lava_samples_per_second")
        beside = f"Lava's simulation {lavas:,.0f}, {r['lava_mismatches']} mismatches" if lavas else "no Lava was there to race"
        section.note(f"The chip's integers: our emulator {r['emulator_samples_per_second']:,.0f} samples/s, one process; {beside}.")
    for record in _newest(evidence.named("workers")):
        r = record["results"]
        for batch, raced in r["batches"].items():
            section.note(
                f"{r['workers']} processes of one thread (gloo), batch {batch} shared: {raced['ratio_workers']:.2f} times one process; "
                f"updates sent as soon as their layer has them, over sent at the end: {raced['ratio_early_vs_late']:.2f}."
            )
    for record in _newest(evidence.named("gpu race")):
        section.note(_gpu_race(record["results"]))
    rows = [[f"{target} %", *_time_to(evidence, target, ("time to accuracy", "accuracy"))] for target in (97, 98)]
    if evidence.named("time to accuracy, gpu"):
        rows += [[f"{target} %, on a GPU", *_time_to(evidence, target, ("time to accuracy, gpu",))] for target in (97, 98)]
    if any(row[1] != "–" for row in rows):
        section.table(["test accuracy", "seconds of training", "epochs", "threads"], rows, numbers=(1, 2, 3), caption=_TIME_TO)
    return section


_INPUTS = {"digits": "MNIST digits", "random": "spikes at random"}
_WINDOWS = "Measured; means over windows whose counter moved."
_TIME_TO = "BioGrad, sleep, 784-256-256-10: the fastest recorded run; data, set-up and the first night apart."


def _gpu_race(r: Mapping[str, Any]) -> str:
    speeds = ", ".join(f"{name} {value:,.0f}" for name, value in r["samples_per_second"].items() if not name.startswith("floor"))
    scans = ", ".join(f"{name} {100 * share:.0f} %" for name, share in r["scan_bandwidth_share"].items())
    return (
        f"{r['device']}, batch {r['batch']:,}, samples/s: {speeds}. BioGrad over snnTorch's faster way: "
        f"{r['ratio_full_vs_snntorch']:.1f} times (full), {r['ratio_factorised_vs_snntorch']:.1f} (factorised). "
        f"Of a copy's bandwidth the scans reach: {scans}."
    )


def _time_to(evidence: Evidence, target: float, names: Sequence[str]) -> list[str]:
    best: tuple[float, int, Any] | None = None
    for record in [record for name in names for record in evidence.named(name)]:
        r = record["results"]
        if not str(r.get("method", "")).startswith("BioGrad, sleep"):
            continue
        for epoch, (reached, seconds) in enumerate(zip(r["test_accuracy_curve"], r["seconds_curve"], strict=False), start=1):
            if 100 * reached >= target and (best is None or seconds < best[0]):
                best = (seconds, epoch, (record.get("machine") or {}).get("threads", "?"))
    return [f"{best[0]:.1f}", str(best[1]), str(best[2])] if best else ["–", "–", "–"]


def _ours(evidence: Evidence, mode: str, figure: str) -> list[Quantity]:
    found = []
    chip = evidence.results("loihi")
    sources = [(f"{'-'.join(map(str, chip['sizes']))}, T = {chip['steps']}", chip)] if chip else []
    sources += [
        (record["results"]["method"], record["results"]["loihi"])
        for record in _newest(evidence.named("pareto"))
        if (record.get("config") or {}).get("hidden") == [100] and isinstance(record["results"].get("loihi"), dict)
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
                seconds.append(Quantity(f"{method}, {label}, batch {r['batch']}", value, value, True, colour_of(method)))
            metered = [(r, joules_of(r, above_idle=False)) for r in found]
            known = [(r["batch"], j) for r, j in metered if j is not None]
            if known:
                best = min(known, key=lambda pair: pair[1])
                for batch, j in (known[0], best) if best != known[0] else (best,):
                    joules.append(Quantity(f"{method}, {label}, batch {batch}", j, j, True, colour_of(method)))
    return joules, seconds


def _device_notes(section: Section, evidence: Evidence) -> None:
    for device, meter in (("cuda", "a GPU"), ("cpu", "this CPU")):
        found = [record for record in evidence.named("device energy") if record["results"].get("device") == device]
        if not found and device == "cuda":
            section.missing("There is no recorded GPU run, so no joules of a GPU.", ENERGY_COMMAND)
        elif found and all(joules_of(record["results"], above_idle=False) is None for record in found):
            how = found[-1]["results"].get("meter", "no meter")
            section.note(f"Joules of {meter}: {how} (machine: {machine_of(found[-1])}). Seconds are measured; joules are not guessed.")
        elif found:
            record = found[-1]
            how = f"{record['results']['meter']}, driver {record['results'].get('driver') or 'unknown'}"
            section.note(f"Joules of {meter}: {how}; {machine_of(record)}, {str(record.get('when'))[:10]}, commit {record.get('commit')}.")
            section.table(
                *_device_table(evidence, device), numbers=(2, 3, 4, 5), caption="Measured; means over windows whose counter moved."
            )


def _device_table(evidence: Evidence, device: str) -> tuple[list[str], list[list[str]]]:
    rows = []
    for mode in ("training", "inference"):
        for method in ("BioGrad", "BPTT", "ANN"):
            for r in evidence.device_energy(device, mode, method):
                total, above = joules_of(r, above_idle=False), joules_of(r, above_idle=True)
                values = [engineering(v, "J") if v is not None else "–" for v in (total, above)]
                rows.append([mode, method, str(r["batch"]), *values, engineering(r["seconds_per_sample"], "s")])
    return ["", "method", "batch", "J a sample, total", "above idle", "seconds a sample"], rows


def _parts(chip: Record) -> tuple[list[str], list[list[str]]]:
    names = {
        "synaptic_operations_j": "synaptic operations",
        "neuron_updates_j": "neuron updates",
        "synaptic_updates_j": "synaptic updates (learning)",
        "spikes_j": "spikes",
        "messages_j": "messages between cores",
        "dynamic_j": "dynamic, all of these",
        "static_j": "static",
        "x86_j": "x86",
    }
    columns = ["part"] + [f"{mode}, {profile}" for mode in ("training", "inference") for profile in chip[mode]]
    rows = [
        [told] + [_range(chip[mode][profile][name], "J") for mode in ("training", "inference") for profile in chip[mode]]
        for name, told in names.items()
    ]
    return columns, rows


def _communication(chip: Record) -> str:
    shares = []
    for profile, costs in chip["inference"].items():
        communication, computation = (sum(costs[name]) / 2 for name in ("communication_j", "computation_j"))
        shares.append(f"1 : {computation / communication:,.0f} ({profile})" if communication else f"none ({profile})")
    return (
        f"Communication to computation, inference: {', '.join(shares)}. The human cortex is said to be at "
        f"{CORTEX_COMMUNICATION.value:.0f} : 1 (Levy and Calvert 2021): here all neurons lie within a few "
        "cores, and a spike between neighbours costs less than one synapse."
    )


def _range(bounds: Sequence[float], unit: str) -> str:
    low, high = (engineering(b, unit) for b in bounds)
    return low if low == high else f"{low} – {high}"


def _add(points: list[tuple[str, float, float, str]], rows: list[list[str]], name: str, reached: float, costs: Record, colour: str) -> None:
    low, high = costs["dynamic_j"]
    points.append((name, (low * high) ** 0.5, 100 * reached, colour))
    rows.append([str(len(points)), name, f"{100 * reached:.2f}", _range((low, high), "J"), _range(costs["seconds"], "s")])


def _taught(name: str, costs: Record, base: Record) -> list[list[str]]:
    """A row of what a training sample costs, and how many times less than the base; none where the base is not priced."""
    if "training" not in base:
        return []
    cost, other = costs["training"]["davies2018"], base["training"]["davies2018"]["total_j"]
    fewer = sorted(before / now for before, now in zip(other, cost["total_j"], strict=True))
    reached = f"{100 * costs['test_accuracy']:.2f}"
    return [[name, reached, _range(cost["dynamic_j"], "J"), _range(cost["total_j"], "J"), *(f"{times:.1f}" for times in fewer)]]


def _newest(found: list[Record]) -> list[Record]:
    """The newest of each configuration."""
    return list({f"{record.get('config')} {record['results'].get('threads')}": record for record in found}.values())


def _published(p: Published) -> Quantity:
    note = f" ({p.note})" if p.note else ""
    return Quantity(p.what.replace(", ", "\n", 1) + note, p.value, p.value, True, INK)
