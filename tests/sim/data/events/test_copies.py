"""Sets with an open file: copied, pickled and read in other processes, each opening it itself."""

from __future__ import annotations

import copy
import pickle
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from biograd.data.events.nmnist import Packed, nmnist
from biograd.data.events.recording import Sensor
from biograd.data.events.sets import EventSet
from biograd.data.events.shd import shd

N = 10


def of_an_archive(folder: Path) -> EventSet:
    with zipfile.ZipFile(folder / "Train.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for label in range(N):
            raw = b"".join(bytes([label, row, 0, 0, 9]) for row in range(label + 20))
            archive.writestr(f"Train/{label}/0.bin", raw)
    return nmnist(folder, "train")


def of_hdf5(folder: Path) -> EventSet:
    with h5py.File(folder / "some.h5", "w") as file:
        for name, kind in (("times", np.float16), ("units", np.uint16)):
            rows = file.create_dataset(f"spikes/{name}", (N,), dtype=h5py.vlen_dtype(kind))
            for label in range(N):
                rows[label] = np.arange(label + 1).astype(kind) / (16 if name == "times" else 1)
        file["labels"] = np.arange(N)
    return shd(folder / "some.h5", "train")


def of_a_packed_file(folder: Path) -> EventSet:
    raw = b"".join(bytes([label, 0, 0, 0, 9]) for label in range(N))
    (folder / "all.events").write_bytes(raw)
    packed = Packed(folder / "all.events", np.arange(N + 1) * 5)
    return EventSet.of(packed, range(N), sensor=Sensor(34, 34, 2), window=1000)


EVERY_KIND = pytest.mark.parametrize("make", [of_an_archive, of_hdf5, of_a_packed_file])


class Shown(torch.utils.data.Dataset):
    """Recordings as a user's own data set shows them to a loader."""

    def __init__(self, members: EventSet) -> None:
        self.members = members

    def __len__(self) -> int:
        return len(self.members)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.members.spikes([index], 5)[:, 0]


@EVERY_KIND
def test_copies_of_an_open_set_read_the_same(tmp_path: Path, make) -> None:
    members = make(tmp_path)
    spikes = members.spikes(torch.arange(N), 5)  # the file is open from here on
    assert spikes.any()
    for other in (copy.deepcopy(members), copy.copy(members), pickle.loads(pickle.dumps(members))):
        assert torch.equal(other.spikes(torch.arange(N), 5), spikes)
    assert "lock" not in repr(members) and len(repr(members)) < 1000


@EVERY_KIND
def test_a_pickled_set_holds_no_recordings(tmp_path: Path, make) -> None:
    members = make(tmp_path)
    before = len(pickle.dumps(members))
    members.spikes(torch.arange(N), 5)
    assert len(pickle.dumps(members)) == before


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # of Python 3.12
@EVERY_KIND
def test_forked_workers_of_a_loader_read_what_the_set_holds(tmp_path: Path, make) -> None:
    members = make(tmp_path)
    spikes = members.spikes(torch.arange(N), 5)  # open before the fork
    loader = torch.utils.data.DataLoader(
        Shown(members), num_workers=2, multiprocessing_context="fork"
    )
    for _ in range(3):
        assert torch.equal(torch.cat(list(loader)), spikes.transpose(0, 1))


@pytest.mark.slow
@EVERY_KIND
def test_spawned_workers_of_a_loader_read_what_the_set_holds(tmp_path: Path, make) -> None:
    members = make(tmp_path)
    spikes = members.spikes(torch.arange(N), 5)
    loader = torch.utils.data.DataLoader(
        Shown(members), num_workers=1, multiprocessing_context="spawn"
    )
    assert torch.equal(torch.cat(list(loader)), spikes.transpose(0, 1))
