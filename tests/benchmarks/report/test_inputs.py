"""Files of a report: damaged records and oversized pictures are left out, and named."""

from __future__ import annotations

import pytest

from benchmarks.report import inputs
from benchmarks.report.inputs import read_files, run_pictures
from biograd.runs import records


@pytest.fixture
def pictures(tmp_path):
    """A run folder with an empty folder of pictures."""
    (tmp_path / "pictures").mkdir()
    return tmp_path / "pictures"


def test_records_of_several_files_are_read_in_order(tmp_path):
    for name, epoch in (("a", 1), ("b", 2)):
        records.append(tmp_path / f"{name}.jsonl", {"kind": "epoch", "epoch": epoch})
    read, faults = read_files([tmp_path / "a.jsonl", tmp_path / "b.jsonl"])
    assert [record["epoch"] for record in read] == [1, 2] and faults == []


def test_a_file_that_cannot_be_read_leaves_a_line_and_the_others_are_read(tmp_path):
    records.append(tmp_path / "a.jsonl", {"kind": "epoch", "epoch": 1})
    (tmp_path / "b.jsonl").write_text("no json\n{}\n")
    (tmp_path / "c.jsonl").mkdir()
    read, faults = read_files([tmp_path / "b.jsonl", tmp_path / "c.jsonl", tmp_path / "a.jsonl"])
    assert len(read) == 1 and len(faults) == 2
    assert "b.jsonl" in faults[0] and "c.jsonl" in faults[1]


def test_pictures_of_a_run_are_read_by_name(pictures):
    (pictures / "raster.svg").write_text("<svg></svg>")
    (pictures / "raster.png").write_bytes(b"not SVG")
    assert run_pictures(pictures.parent) == ({"raster": "<svg></svg>"}, [])


def test_an_oversized_picture_is_left_out_and_named(pictures, monkeypatch):
    monkeypatch.setattr(inputs, "MAX_PICTURE", 1 << 20)
    (pictures / "big.svg").write_text("<svg>" + " " * (1 << 20) + "</svg>")
    (pictures / "raster.svg").write_text("<svg></svg>")
    read, (fault,) = run_pictures(pictures.parent)
    assert list(read) == ["raster"]
    assert "big.svg has 1.0 MiB; a picture of the report has at most 1" in fault


def test_a_picture_that_is_not_utf_8_is_read_with_its_bad_bytes_replaced(pictures):
    (pictures / "raster.svg").write_bytes(b"<svg><title>\xff\xfe</title></svg>")
    read, faults = run_pictures(pictures.parent)
    assert read["raster"].startswith("<svg>") and "\ufffd" in read["raster"] and faults == []


def test_a_run_without_pictures_has_none(tmp_path):
    assert run_pictures(tmp_path) == ({}, [])
