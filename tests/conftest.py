"""Set up before the first import of the project: threads, shape checks, reproducible searches.

Runs in both environments; the one for Lava has neither torch nor jaxtyping.
"""

from __future__ import annotations

import os
import re
import sys
import types
from pathlib import Path

# One thread a sum keeps results equal to the bit on every machine; two for the compiled loops, so
# that splitting them is tested.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "2")
os.environ.setdefault("MPLBACKEND", "agg")

import hypothesis
import pytest

# Timing differs between machines, the examples do not: a failure here is a failure everywhere.
hypothesis.settings.register_profile(
    "biograd", deadline=None, derandomize=True, database=None, max_examples=25
)
hypothesis.settings.load_profile("biograd")

if sys.version_info >= (3, 11):
    import beartype
    import jaxtyping

    # Shapes in signatures are promises: every call of the simulator is held to them while tests
    # run. An int passes for a float. Modules of compiled loops are left out, for neither numba nor
    # Triton can compile a checked function; and `inputs`, whose own checks are tested.
    checker = types.ModuleType("biograd_shape_checker")
    checker.check = beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))  # type: ignore[attr-defined]
    sys.modules[checker.__name__] = checker
    root = Path(__file__).parents[1]
    files = [
        file
        for file in (root / "biograd").rglob("*.py")
        if not {"commands", "pictures", "drawing", "inputs.py"} & set(file.parts)
    ]
    compiled = re.compile("@numba|@triton|@compiled")
    checked = [
        ".".join(file.relative_to(root).with_suffix("").parts)
        for file in files
        if not compiled.search(file.read_text(encoding="utf-8"))
    ]
    jaxtyping.install_import_hook(checked, f"{checker.__name__}.check")


@pytest.fixture
def lava() -> None:
    """Skip without a Python that has Lava."""
    from hardware import lava_process  # not before the shape checker is in place

    try:
        lava_process.lava_python()
    except lava_process.TargetError as err:
        pytest.skip(str(err))
