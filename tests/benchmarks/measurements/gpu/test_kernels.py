"""The comparison of GPU kernels with their steps finds equal ones equal and others different."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("triton", reason="Triton is not installed: no kernels")

from benchmarks.measurements.gpu import kernels
from biograd.commands import cli
from biograd.kernels import gpu


def test_every_kernel_there_is_equals_its_steps_under_the_interpreter(
    tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(kernels, "SHAPES", ((2, 1, 3), (9, 2, 130), (1, 1, 1)))
    out = tmp_path / "r.jsonl"
    assert cli.main(["benchmark", "--suite", "gpu-kernels", "--out", str(out), "--json"]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    source = Path(gpu.__file__).with_name("gpu_kernels.py").read_text(encoding="utf-8")
    names = set(re.findall(r"^def (\w+)\(", source, flags=re.MULTILINE))
    measured = [json.loads(line)["results"] for line in out.read_text().splitlines()]
    assert {r["kernel"] for r in measured} == names == set(kernels.KERNELS)
    assert all(r["equal"] and r["largest_difference"] == 0 for r in measured)
    assert (result["tasks"], result["failed"]) == (len(names), 0)
    # as before: another module may load the kernels for a GPU
    assert "TRITON_INTERPRET" not in os.environ
    assert "biograd.kernels.gpu_kernels" not in sys.modules


def test_a_kernel_that_differs_by_a_bit_is_named_and_the_suite_fails(monkeypatch) -> None:
    monkeypatch.setattr(kernels, "SHAPES", ((3, 1, 2), (1, 1, 1)))
    right = gpu.gated_sum
    monkeypatch.setattr(gpu, "gated_sum", lambda *sides: right(*sides) * (1 + 2**-23))
    results = []
    with pytest.raises(RuntimeError, match=r"kernels differ from the pure steps: gated_sum$"):
        for result in kernels.checks("cpu"):
            results.append(result)
    unequal = [r["kernel"] for r in results if not r["equal"]]
    assert unequal == ["gated_sum"] and len(results) == len(kernels.KERNELS)


def test_not_a_number_is_no_agreement() -> None:
    nan = torch.tensor([float("nan")])
    assert kernels._largest_difference([nan], [torch.zeros(1)]) == float("inf")
