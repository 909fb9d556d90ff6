"""The origin of a record: machine, versions, commit. No host names, no users, no paths."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch

PACKAGES = ("biograd", "torch", "snntorch", "numpy", "numba", "nir")


def provenance() -> dict[str, Any]:  # any: JSON
    """Return a record's machine, versions, commit and time, ready for JSON."""
    return {
        "machine": machine(),
        "versions": (
            {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES}
        ),
        "commit": commit(),
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def machine() -> dict[str, Any]:  # any: JSON
    """Return processor, cores, threads, memory, GPU, its CUDA version, and the load.

    None where there is none or it cannot be read.
    """
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_gib": _memory(),
        "system": platform.system(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "cuda": torch.version.cuda if torch.cuda.is_available() else None,
        # times are less reliable on a loaded machine
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
    }


def commit() -> str | None:
    """Return the commit of the code, with "+" if files differ from it; None without git."""
    root = Path(__file__).parent
    head = _git(root, "rev-parse", "--short=12", "HEAD")
    if head is None:
        return None
    return head + ("+" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")


def same_machine(a: dict[str, Any], b: dict[str, Any]) -> bool:  # any: JSON
    """Return whether seconds and joules of two machines (of records) may be compared.

    They may with the same processor, threads and GPU.
    """
    return all(a.get(name) == b.get(name) for name in ("cpu", "threads", "gpu"))


def _git(root: Path, *words: str) -> str | None:
    try:
        git = subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return git.stdout.strip()


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _memory() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError, AttributeError):
        return None
