"""Speed beside every peer, with the spread of its rounds, on the machine that was measured."""

from __future__ import annotations

from benchmarks.report.evidence import Evidence
from benchmarks.report.speed import gpu_race, speed


def test_speed_is_shown_beside_every_peer_and_the_limit_of_the_machine(every_record, text_of):
    text = text_of(speed(Evidence(every_record), {}))
    assert (
        "snnTorch's faster setting: full rule 4.0, factorised 4.0; to SpikingJelly's: 3.2 and 4.0;"
        " to BPTT with our own" in text
    )
    assert (
        "1.75 times one process (quartiles 1.50 and 1.90 of 9 turns; 1.85 without any exchange)"
        in text
    )
    assert "added in shared memory, 1.40 by gloo" in text
    assert "BioGrad, factorised 8,000 –" in text


def test_races_on_one_thread_are_shown_with_their_ratios(every_record, text_of):
    race = {
        "shape": [1, 28, 28],
        "layers": "16c5s2-10",
        "steps": 10,
        "batch": 100,
        "recurrent": False,
        "samples_per_second": {"BioGrad, full": 3000.0, "snnTorch, as taught": 1000.0},
        "inferences_per_second": {"snnTorch, as taught": 2000.0},
        "ratio_conv_vs_snntorch_leaky": 3.0,
    }
    record = {"kind": "measurement", "name": "one-thread race", "config": {"race": "conv"}}
    text = text_of(speed(Evidence([*every_record, record | {"results": race}]), {}))
    assert "1x28x28-16c5s2-10, T = 10, batch 100 BioGrad, full 3,000 –" in text
    assert "snnTorch, as taught 1,000 2,000" in text
    assert "conv vs snntorch leaky 3.0." in text


def test_a_loaded_machine_is_named_beside_its_race(every_record, text_of):
    records = [
        record | {"machine": {"cores": 2, "load": 7.5}}
        for record in every_record
        if record.get("name") == "speed"
    ]
    assert "(load 7.5): ratios are more reliable" in text_of(speed(Evidence(records), {}))


def test_the_fastest_run_that_reached_a_target_is_named(every_record, text_of):
    text = text_of(speed(Evidence(every_record), {}))
    assert "97 % 20.0 2 1 98 % 20.0 2 1" in text


def test_a_gpu_race_names_device_batch_and_ratios():
    results = {
        "device": "Some GPU",
        "batch": 4096,
        "samples_per_second": {"BioGrad, full": 1e6, "floor, full": 2e6},
        "scan_bandwidth_share": {"soma": 0.81},
        "ratio_full_vs_snntorch": 20.0,
        "ratio_factorised_vs_snntorch": 30.0,
    }
    text = gpu_race(results)
    assert text.startswith("Some GPU, batch 4,096, samples/s: BioGrad, full 1,000,000.")
    assert "20.0 times (full), 30.0 (factorised)" in text and "soma 81 %" in text
    assert "floor" not in text
