"""Files like SHD's: read one recording at a time, and refused where they are damaged or others."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from biograd.data.datasets import load
from biograd.data.events.sets import EventSet
from biograd.data.events.shd import Hdf5Recordings, shd
from biograd.data.samples import check_fits
from biograd.network import Network

TIMES = [[0.0, 0.5, 0.9999], [0.1], [], [0.25, 1.39, 1.5]]  # s
UNITS = [[0, 699, 3], [7], [], [1, 2, 3]]


def written(
    path: Path,
    *,
    times: list = TIMES,
    units: list = UNITS,
    labels: object = (0, 19, 3, 3),
    without: str = "",
) -> Path:
    with h5py.File(path, "w") as file:
        spikes = file.create_group("spikes")
        for name, rows, kind in (
            ("times", times, np.float16 if times is TIMES else np.float64),
            ("units", units, np.uint16),
        ):
            column = spikes.create_dataset(name, (len(rows),), dtype=h5py.vlen_dtype(kind))
            for index, row in enumerate(rows):
                column[index] = np.array(row, dtype=kind)
        file["labels"] = np.array(labels)
        if without:
            del file[without]
    return path


def test_spikes_land_on_their_channel_and_step(tmp_path: Path) -> None:
    members = shd(written(tmp_path / "some.h5"), "train")
    assert (len(members), members.inputs, members.classes, members.y.tolist()) == (
        4,
        700,
        20,
        [0, 19, 3, 3],
    )
    packed, counts = members.binned(torch.tensor([0, 3, 2]), 14)  # steps of 100 ms
    s = packed.dense()
    # 0.9999 s is 1.0 in the file's own half precision
    assert torch.nonzero(s[:, 0]).tolist() == [[0, 0], [5, 699], [10, 3]]
    assert torch.nonzero(s[:, 1]).tolist() == [[2, 1], [13, 2]] and not s[:, 2].any()
    assert (counts.events, counts.late) == (6, 1)  # the spike at 1.5 s comes after the window


def test_times_in_milliseconds_are_told_where_the_set_is_trained_on(tmp_path: Path) -> None:
    in_ms = [[1000 * t + 2 for t in row] for row in TIMES]
    members = shd(written(tmp_path / "some.h5", times=in_ms), "train")
    with pytest.warns(UserWarning, match=r"after the window of 1,400,000 us .*in SHD's files s"):
        check_fits(Network((700, 20)), members)


def test_bad_recordings_are_skipped_on_request(tmp_path: Path) -> None:
    path = written(tmp_path / "some.h5", units=[[0, 700, 3], *UNITS[1:]])
    with pytest.warns(UserWarning, match="1 of 4 recordings of shd cannot be read and are skipped"):
        assert shd(path, "train", skip_bad=True).y.tolist() == [19, 3, 3]


def test_only_the_recordings_asked_for_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = shd(written(tmp_path / "some.h5"), "train")
    asked: list[int] = []
    plain = Hdf5Recordings.__getitem__
    monkeypatch.setattr(
        Hdf5Recordings, "__getitem__", lambda self, index: asked.append(index) or plain(self, index)
    )
    members.subset([3, 1]).spikes(torch.tensor([1]), 2)
    assert asked == [1]


@pytest.mark.parametrize("part", ["spikes/times", "spikes/units", "labels"])
def test_a_missing_part_is_named(tmp_path: Path, part: str) -> None:
    with pytest.raises(ValueError, match=f"has no {part}: need the layout of SHD"):
        shd(written(tmp_path / "some.h5", without=part), "train")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": (0.0, 1.0, 2.0, 3.0)}, "labels of float64; need integers"),
        ({"labels": (0, 1, 2)}, "3 labels: need as many of each"),
        ({"labels": (0, 1, 2, 20)}, r"labels run from 0 to 20; need 0 \.\. 19"),
    ],
)
def test_impossible_labels_are_refused(tmp_path: Path, changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shd(written(tmp_path / "some.h5", **changes), "train")


@pytest.mark.parametrize(
    ("times", "units", "message"),
    [
        ([0.1, 0.2], [1], r"recording 0 of .*some\.h5 has \(2,\) times and \(1,\) units"),
        ([0.2, 0.1], [1, 1], "time falls from 200,000 to 100,000 us"),
        ([-0.1], [1], "time is -100,000 us; need 0 or more"),
        ([0.1], [700], r"pixel \(700, 0\) lies outside the sensor of 700 x 1"),
        ([float("nan")], [1], "times that are not finite"),
    ],
)
def test_an_impossible_recording_is_refused_in_one_line(
    tmp_path: Path, times: list, units: list, message: str
) -> None:
    members = shd(written(tmp_path / "some.h5", times=[times], units=[units], labels=[0]), "train")
    with pytest.raises(ValueError, match=message) as error:
        members.spikes(torch.tensor([0]), 3)
    assert "\n" not in str(error.value)


def test_a_file_that_is_no_hdf5_says_so(tmp_path: Path) -> None:
    (tmp_path / "some.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(50))
    with pytest.raises(ValueError, match=r"some\.h5 is no whole HDF5 file"):
        shd(tmp_path / "some.h5", "train")
    with pytest.raises(FileNotFoundError, match="is not a file: put your copy there"):
        shd(tmp_path / "none.h5", "train")


def test_the_data_set_by_name_is_the_users_copy(tmp_path: Path) -> None:
    (tmp_path / "shd").mkdir()
    written(tmp_path / "shd/shd_test.h5")
    members = load("shd", "test", root=tmp_path)
    assert isinstance(members, EventSet) and len(members) == 4 and members.split == "test"
    with pytest.raises(ValueError, match="there is no copy of shd"):
        load("shd", "train", root=tmp_path)
