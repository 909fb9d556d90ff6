"""Memory shared by workers: what each writes arrives whole, sums are taken in the order of ranks,
and nothing stays behind.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
import torch

from biograd.learning import shared_memory
from biograd.learning.shared_memory import Exchange, made, meet


def several(count: int, floats: int) -> list[Exchange]:
    file = made(count, floats)
    return [Exchange(os.dup(file), rank=rank, count=count, floats=floats) for rank in range(count)]


def test_each_hears_of_the_others_and_all_hold_the_same_sum() -> None:
    exchanges, shares = several(3, 10_000), torch.tensor([0.5, 0.3, 0.2])
    written = [
        torch.randn(10_000, generator=torch.Generator().manual_seed(rank)) for rank in range(3)
    ]
    for one, numbers in zip(exchanges, written, strict=True):
        one.slot(4)[:] = numbers
        one.post(7)
    expected = shares[0] * written[0] + shares[1] * written[1] + shares[2] * written[2]
    for one in exchanges:
        one.wait(7)
        assert torch.equal(one.total(4, slice(100, 9_999), shares), expected[100:9_999])
        # the other half: nobody has written there
        assert not one.total(5, slice(0, 10_000), shares).any()


def test_nobody_goes_on_before_the_last_has_posted() -> None:
    first, second = several(2, 4)
    first.post(1)
    waiting = threading.Thread(target=first.wait, args=(1,), daemon=True)
    waiting.start()
    waiting.join(0.02)
    assert waiting.is_alive()
    second.post(1)
    waiting.join(5)
    assert not waiting.is_alive()


def test_the_first_ones_result_reaches_the_others() -> None:
    first, second = several(2, 4)
    first.result(0)[:] = torch.arange(4.0)
    first.post(3, result=True)
    second.wait(3, result=True)
    assert second.result(0).tolist() == [0, 1, 2, 3]


def test_a_worker_that_never_answers_is_waited_for_until_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shared_memory, "DEADLINE", 0.05)
    monkeypatch.setattr(shared_memory, "LOOK", 0.02)
    monkeypatch.setattr(shared_memory.fcntl, "lockf", lambda *_: None)
    one = Exchange(made(count=1, floats=1), rank=0, count=1, floats=1)
    with pytest.raises(ConnectionError, match="a worker on this machine has not answered for 0 s"):
        one.wait(1)


def test_a_file_that_cannot_be_made_is_told_to_all(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sent: list[bytes] = []

    def full(*_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shared_memory.os, "posix_fallocate", full)
    monkeypatch.setattr(shared_memory.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(shared_memory.os, "access", lambda *_: False)
    assert meet(0, 2, 100, lambda data: sent.append(data) or data, lambda yes: yes) is None
    assert len(sent) == 1 and not Path(sent[0].decode()).exists() and not list(tmp_path.iterdir())
    assert meet(1, 2, 100, lambda _: sent[0], lambda yes: yes) is None
