"""Speed against the peers: training, answering, the chip's integers, several processes, a GPU, time
to an accuracy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .evidence import Evidence, busy, machine_of, newest
from .page import Section

SPEED_COMMAND = "biograd benchmark --suite speed"
_INPUTS = {"digits": "MNIST digits", "random": "spikes at random"}
_TIME_TO = (
    "BioGrad, sleep, 784-256-256-10: the fastest recorded run; data, set-up and the first night"
    " apart."
)


def speed(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Training and inference against the peers, in one process, in turns."""
    section = Section("speed", "Speed against the peers")
    found = newest(evidence.named("speed"))
    if not found:
        return section.missing("No race has been run.", SPEED_COMMAND)
    for record in found:
        r = record["results"]
        rows = []
        for name, median in sorted(r["samples_per_second"].items(), key=lambda item: -item[1]):
            low, high = r.get("quartiles", {}).get(name, (None, None))
            rows.append(
                [name, f"{median:,.0f}", f"{low:,.0f} – {high:,.0f}" if low is not None else "–"]
            )
        load = (
            f" Others were at work on the machine (load {record['machine']['load']}): ratios hold"
            " better than samples per second."
            if busy(record)
            else ""
        )
        caption = (
            f"Training, {'-'.join(map(str, r['sizes']))}, T = {r['steps']}, batch {r['batch']},"
            f" {r['threads']} thread(s), {r['rounds']} interleaved rounds, float32,"
            f" {_INPUTS[r.get('inputs', 'random')]}; {machine_of(record)}.{load}"
        )
        section.table(
            ["method", "samples/s (median)", "quartiles"],
            rows,
            numbers=(1, 2),
            ours=[i for i, row in enumerate(rows) if row[0].startswith("BioGrad")],
            caption=caption,
        )
        shares = [
            f"{rule} {r[f'floor_share_{rule}']:.2f}"
            for rule in ("full", "factorised")
            if f"floor_share_{rule}" in r
        ]
        jelly = (
            f"; to SpikingJelly's: {r['ratio_full_vs_spikingjelly']:.1f} and"
            f" {r['ratio_factorised_vs_spikingjelly']:.1f}"
            if "ratio_full_vs_spikingjelly" in r
            else ""
        )
        section.note(
            f"Median ratios to snnTorch's faster way: full rule {r['ratio_full_vs_snntorch']:.1f},"
            f" factorised {r['ratio_factorised_vs_snntorch']:.1f}{jelly}; to BPTT with our own"
            f" fused scans: {r['ratio_full_vs_fused_bptt']:.1f} and"
            f" {r['ratio_factorised_vs_fused_bptt']:.1f}, which is what the local rule itself buys."
            + (
                " Speed over that of the dense matrix products alone, measured beside it:"
                f" {', '.join(shares)}."
                if shares
                else ""
            )
        )
    for record in newest(evidence.named("inference speed")):
        r = record["results"]
        section.note(
            f"Inference, {r['threads']} thread(s), {_INPUTS[r.get('inputs', 'random')]}: "
            f"{r['ratio_inference_vs_snntorch']:.1f} times snnTorch's faster way."
        )
    for record in newest(evidence.named("emulator speed")):
        r = record["results"]
        lavas = r.get("lava_samples_per_second")
        beside = (
            f"Lava's simulation {lavas:,.0f}, {r['lava_mismatches']} mismatches"
            if lavas
            else "no Lava was there to race"
        )
        section.note(
            f"The chip's integers: our emulator {r['emulator_samples_per_second']:,.0f} samples/s,"
            f" one process; {beside}."
        )
    for record in newest(evidence.named("workers")):
        r = record["results"]
        for batch, raced in r["batches"].items():
            # all of older records is
            gloo = (
                f", {raced['ratio_workers_gloo']:.2f} by gloo"
                if "ratio_workers_gloo" in raced
                else ""
            )
            low, high = raced.get("ratio_workers_quartiles", (None, None))
            bound = (
                f"; {raced['ratio_workers_apart']:.2f} where they tell each other nothing"
                if "ratio_workers_apart" in raced
                else ""
            )
            spread = (
                f" (quartiles {low:.2f} and {high:.2f} of {r['rounds']} turns{bound})"
                if low
                else ""
            )
            section.note(
                f"{r['workers']} processes of one thread, batch {batch} shared:"
                f" {raced['ratio_workers']:.2f} times one process{spread}, updates added up"
                f" {'in shared memory' if gloo else 'by gloo'}{gloo}; by gloo, sent as soon as"
                f" their layer has them, over sent at the end: {raced['ratio_early_vs_late']:.2f}."
            )
    for record in newest(evidence.named("gpu race")):
        section.note(_gpu_race(record["results"]))
    rows = [
        [f"{target} %", *_time_to(evidence, target, ("time to accuracy", "accuracy"))]
        for target in (97, 98)
    ]
    if evidence.named("time to accuracy, gpu"):
        rows += [
            [f"{target} %, on a GPU", *_time_to(evidence, target, ("time to accuracy, gpu",))]
            for target in (97, 98)
        ]
    if any(row[1] != "–" for row in rows):
        section.table(
            ["test accuracy", "seconds of training", "epochs", "threads"],
            rows,
            numbers=(1, 2, 3),
            caption=_TIME_TO,
        )
    return section


def _gpu_race(r: Mapping[str, Any]) -> str:
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
        f" way: {r['ratio_full_vs_snntorch']:.1f} times (full),"
        f" {r['ratio_factorised_vs_snntorch']:.1f} (factorised). Of a copy's bandwidth the scans"
        f" reach: {scans}."
    )


def _time_to(evidence: Evidence, target: float, names: Sequence[str]) -> list[str]:
    best: tuple[float, int, Any] | None = None
    for record in [record for name in names for record in evidence.named(name)]:
        r = record["results"]
        if not str(r.get("method", "")).startswith("BioGrad, sleep"):
            continue
        for epoch, (reached, seconds) in enumerate(
            zip(r["test_accuracy_curve"], r["seconds_curve"], strict=False), start=1
        ):
            if 100 * reached >= target and (best is None or seconds < best[0]):
                best = (seconds, epoch, (record.get("machine") or {}).get("threads", "?"))
    return [f"{best[0]:.1f}", str(best[1]), str(best[2])] if best else ["–", "–", "–"]
