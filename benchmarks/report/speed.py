"""Speed against the peers: training, inference, the chip's integers, processes, a GPU, time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from biograd.runs.records import Record

from .evidence import Evidence, busy, machine_of, newest
from .page import Section

SPEED_COMMAND = "biograd benchmark --suite speed"
TARGETS = (97, 98)  # percent of the test images
_INPUTS = {"digits": "MNIST digits", "random": "random spikes"}


def speed(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Show training and inference against the peers, in one process, in turns."""
    section = Section("speed", "Speed against the peers")
    races = newest(evidence.named("speed"))
    if not races:
        return section.missing("No race has been run.", SPEED_COMMAND)
    for race in races:
        _training_race(section, race)
    if one_thread := newest(evidence.named("one-thread race")):
        _one_thread(section, one_thread)
    for record in newest(evidence.named("inference speed")):
        section.note(_inference(record["results"]))
    for record in newest(evidence.named("emulator speed")):
        section.note(_emulator(record["results"]))
    for record in newest(evidence.named("workers")):
        for batch, shared in record["results"]["batches"].items():
            section.note(_workers(record["results"], batch, shared))
    for record in newest(evidence.named("gpu race")):
        section.note(gpu_race(record["results"]))
    _time_to_accuracy(section, evidence)
    return section


def gpu_race(r: Record) -> str:
    """Return the results of a race on a GPU in words."""
    speeds = ", ".join(
        f"{name} {value:,.0f}"
        for name, value in r["samples_per_second"].items()
        if not name.startswith("floor")
    )
    scans = ", ".join(
        f"{name} {100 * share:.0f} %" for name, share in r["scan_bandwidth_share"].items()
    )
    return (
        f"{r['device']}, batch {r['batch']:,}, samples/s: {speeds}. BioGrad over snnTorch's faster"
        f" setting: {r['ratio_full_vs_snntorch']:.1f} times (full),"
        f" {r['ratio_factorised_vs_snntorch']:.1f} (factorised). Of a copy's bandwidth the scans"
        f" reach: {scans}."
    )


def _training_race(section: Section, race: Record) -> None:
    r = race["results"]
    rows = []
    for name, median in sorted(r["samples_per_second"].items(), key=lambda item: -item[1]):
        low, high = r.get("quartiles", {}).get(name, (None, None))
        quartiles = f"{low:,.0f} – {high:,.0f}" if low is not None else "–"
        rows.append([name, f"{median:,.0f}", quartiles])
    load = (
        f" Other programs loaded the machine (load {race['machine']['load']}): ratios are more"
        " reliable than samples per second."
        if busy(race)
        else ""
    )
    has_floor = any(row[0].startswith("floor") for row in rows)
    floor = " Floor: the dense matrix products of a step alone." if has_floor else ""
    caption = (
        f"Training, {'-'.join(map(str, r['sizes']))}, T = {r['steps']}, batch {r['batch']},"
        f" {_threads(r)}, {r['rounds']} interleaved rounds, float32,"
        f" {_INPUTS[r.get('inputs', 'random')]}; {machine_of(race)}.{load}{floor}"
    )
    section.table(
        ["method", "samples/s (median)", "quartiles"],
        rows,
        numbers=(1, 2),
        tinted=[i for i, row in enumerate(rows) if row[0].startswith("BioGrad")],
        caption=caption,
    )
    section.note(_ratios(r))


def _one_thread(section: Section, races: Sequence[Record]) -> None:
    """Show convolutions, single samples, loops and dense layers against the peers."""
    rows = []
    for race in races:
        r = race["results"]
        trained, fired = r["samples_per_second"], r["inferences_per_second"]
        shape = "x".join(map(str, r["shape"]))
        loops = ", recurrent" if r["recurrent"] else ""
        network = f"{shape}-{r['layers']}{loops}, T = {r['steps']}, batch {r['batch']}"
        for method in dict.fromkeys([*trained, *fired]):
            speeds = (of.get(method) for of in (trained, fired))
            rows.append([network, method, *("–" if v is None else f"{v:,.0f}" for v in speeds)])
    section.table(
        ["network", "method", "trained, samples/s", "inference, samples/s"],
        rows,
        numbers=(2, 3),
        tinted=[i for i, row in enumerate(rows) if row[1].startswith("BioGrad")],
        caption=(
            "One thread, from float tensors, an optimizer step of fused Adam included; medians of"
            " interleaved rounds, by the processor time of the process. Peers with our neuron, and"
            f" as their tutorials teach; {machine_of(races[0])}."
        ),
    )
    for race in races:
        section.note(_one_thread_ratios(race["results"]))


def _one_thread_ratios(r: Record) -> str:
    parts = [
        f"{key.removeprefix('ratio_').replace('_', ' ')} {value:.1f}"
        for key, value in r.items()
        if key.startswith("ratio_")
    ]
    return f"{r['layers']}, median ratios: {', '.join(parts)}."


def _ratios(r: Record) -> str:
    jelly = (
        f"; to SpikingJelly's: {r['ratio_full_vs_spikingjelly']:.1f} and"
        f" {r['ratio_factorised_vs_spikingjelly']:.1f}"
        if "ratio_full_vs_spikingjelly" in r
        else ""
    )
    text = (
        f"Median ratios to snnTorch's faster setting: full rule {r['ratio_full_vs_snntorch']:.1f},"
        f" factorised {r['ratio_factorised_vs_snntorch']:.1f}{jelly}; to BPTT with our own"
        f" fused scans: {r['ratio_full_vs_fused_bptt']:.1f} and"
        f" {r['ratio_factorised_vs_fused_bptt']:.1f}, which is the gain of the local rule alone."
    )
    shares = [
        f"{rule} {r[f'floor_share_{rule}']:.2f}"
        for rule in ("full", "factorised")
        if f"floor_share_{rule}" in r
    ]
    if shares:
        text += (
            " Speed over that of the dense matrix products alone, measured in the same rounds:"
            f" {', '.join(shares)}."
        )
    return text


def _threads(r: Record) -> str:
    return f"{r['threads']} thread{'' if r['threads'] == 1 else 's'}"


def _inference(r: Record) -> str:
    return (
        f"Inference, {_threads(r)}, {_INPUTS[r.get('inputs', 'random')]}: "
        f"{r['ratio_inference_vs_snntorch']:.1f} times snnTorch's faster setting."
    )


def _emulator(r: Record) -> str:
    lava = r.get("lava_samples_per_second")
    peer = (
        f"Lava's simulation {lava:,.0f}, {r['lava_mismatches']} mismatches"
        if lava
        else "Lava was not available"
    )
    return (
        f"The chip's integers: our emulator {r['emulator_samples_per_second']:,.0f} samples/s,"
        f" one process; {peer}."
    )


def _workers(r: Record, batch: str, shared: Record) -> str:
    gloo = ""  # in older records all updates were added by gloo
    if "ratio_workers_gloo" in shared:
        gloo = f", {shared['ratio_workers_gloo']:.2f} by gloo"
    spread = ""
    if "ratio_workers_quartiles" in shared:
        low, high = shared["ratio_workers_quartiles"]
        apart = (
            f"; {shared['ratio_workers_apart']:.2f} without any exchange"
            if "ratio_workers_apart" in shared
            else ""
        )
        spread = f" (quartiles {low:.2f} and {high:.2f} of {r['rounds']} turns{apart})"
    return (
        f"{r['workers']} processes of one thread, batch {batch} shared:"
        f" {shared['ratio_workers']:.2f} times one process{spread}, updates added"
        f" {'in shared memory' if gloo else 'by gloo'}{gloo}. By gloo, each layer's update sent as"
        f" soon as it is computed, over all sent at the end: {shared['ratio_early_vs_late']:.2f}."
    )


def _time_to_accuracy(section: Section, evidence: Evidence) -> None:
    rows = [
        [f"{target} %", *_time_to(evidence, target, ("time to accuracy", "accuracy"))]
        for target in TARGETS
    ]
    if evidence.named("time to accuracy, gpu"):
        rows += [
            [f"{target} %, on a GPU", *_time_to(evidence, target, ("time to accuracy, gpu",))]
            for target in TARGETS
        ]
    if any(row[1] != "–" for row in rows):
        section.table(
            ["test accuracy", "seconds of training", "epochs", "threads"],
            rows,
            numbers=(1, 2, 3),
            caption=(
                "BioGrad, sleep, 784-256-256-10: the fastest recorded run, without loading data,"
                " set-up and the first night."
            ),
        )


def _time_to(evidence: Evidence, target: float, names: Sequence[str]) -> list[str]:
    """Return seconds, epochs and threads of the fastest run that reached the target."""
    fastest: tuple[float, int, object] | None = None
    for record in [record for name in names for record in evidence.named(name)]:
        r = record["results"]
        if not str(r.get("method", "")).startswith("BioGrad, sleep"):
            continue
        threads = (record.get("machine") or {}).get("threads", "?")
        curve = zip(r["test_accuracy_curve"], r["seconds_curve"], strict=False)
        for epoch, (reached, seconds) in enumerate(curve, start=1):
            if 100 * reached >= target and (fastest is None or seconds < fastest[0]):
                fastest = (seconds, epoch, threads)
    if fastest is None:
        return ["–", "–", "–"]
    return [f"{fastest[0]:.1f}", str(fastest[1]), str(fastest[2])]
