"""The command `biograd report`: one page from a run folder, naming every file it leaves out."""

from __future__ import annotations

import json

import pytest

from benchmarks.report import inputs, page
from biograd.commands import cli
from biograd.runs import records


@pytest.fixture
def run_folder(tmp_path, monkeypatch):
    """A folder with one record, a picture, an oversized one and a file of damaged records."""
    monkeypatch.setattr(page, "as_svg", lambda figure: "<svg></svg>")
    monkeypatch.setattr(inputs, "MAX_PICTURE", 1 << 20)
    folder = tmp_path / "run"
    records.append(folder / "records.jsonl", {"kind": "run", "test_accuracy": 0.9712, "seed": 0})
    (folder / "damaged.jsonl").write_text("no json\n{}\n")
    (folder / "pictures").mkdir()
    (folder / "pictures" / "raster.svg").write_bytes(b"<svg><title>a raster \xff</title></svg>")
    (folder / "pictures" / "huge.svg").write_text("<svg>" + " " * (1 << 20) + "</svg>")
    return folder


def test_the_page_shows_the_run_and_names_what_it_leaves_out(run_folder, capsys):
    assert cli.main(["report", str(run_folder), "--no-shipped", "--json"]) == 0
    output = capsys.readouterr()
    result = json.loads(output.out.splitlines()[-1])
    assert (result["records"], result["files"], result["unreadable"]) == (1, 2, 1)
    text = (run_folder / "report.html").read_text(encoding="utf-8")
    assert "97.12 % (this run, 1 seed)" in text and "a raster \ufffd" in text
    assert "left out" in output.err and "damaged.jsonl" in output.err
    assert "huge.svg has 1.0 MiB" in output.err


def test_recorded_learning_on_the_chip_is_priced(tmp_path, run_folder):
    operations = {
        "synaptic_operations": [0, 9e4, 900],
        "synaptic_updates": [0, 9e3, 300],
        "neuron_updates": [0, 4e3, 600],
        "spikes": [900, 99, 9],
    }
    results = {"method": "x", "test_accuracy": 0.96, "operations_per_sample": operations}
    record = {"kind": "measurement", "name": "chip learning", "config": {"sizes": [784, 100, 10]}}
    file = tmp_path / "more.jsonl"
    records.append(file, record | {"seed": 0, "results": results})
    out = tmp_path / "page.html"
    flags = ["--records", str(file), "--no-shipped", "-o", str(out)]
    assert cli.main(["report", *flags]) == 0
    assert "J per sample, davies2018" in out.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["nowhere"], "nowhere is not a folder: name a run folder"),
        (["--records", "nowhere.jsonl"], "nowhere.jsonl is not a file"),
        (["--no-shipped"], "there are no records to report"),
    ],
)
def test_missing_inputs_are_refused_in_one_line(flags, message, capsys):
    assert cli.main(["report", *flags]) == 2
    assert message in capsys.readouterr().err
