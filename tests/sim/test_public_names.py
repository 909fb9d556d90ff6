"""Public names of the package: each is imported when it is first used, and all are documented."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import biograd as bg

SOURCE = Path(bg.__file__).read_text(encoding="utf-8")


def imports_for_type_checkers() -> dict[str, tuple[str, ...]]:
    block = next(node for node in ast.parse(SOURCE).body if isinstance(node, ast.If))
    return {
        str(node.module): tuple(sorted(alias.name for alias in node.names))
        for node in block.body
        if isinstance(node, ast.ImportFrom)
    }


def in_a_fresh_process(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_every_public_name_can_be_used() -> None:
    assert all(getattr(bg, name) is not None for name in bg.__all__)


def test_the_names_of_type_checkers_and_of_python_are_the_same() -> None:
    assert imports_for_type_checkers() == bg._NAMES
    assert sorted(bg._HOMES) == sorted(bg.__all__) and set(bg.__all__) <= set(dir(bg))


def test_a_public_name_is_what_its_module_defines() -> None:
    from biograd.rules import Rule

    assert bg.Rule is Rule and Rule.__module__ == "biograd.rules"


def test_torch_is_imported_with_the_first_name_that_needs_it() -> None:
    asked = "import sys, biograd as bg; bg.RunConfig(); a = 'torch' in sys.modules"
    assert in_a_fresh_process(f"{asked}; bg.Rule; print(a, 'torch' in sys.modules)") == "False True"


def test_modules_are_attributes_of_the_package_without_an_import() -> None:
    assert in_a_fresh_process("import biograd as bg; print(*bg.rules.RULES)").split() == [
        "eligibility",
        "factorised",
    ]


def test_an_unknown_name_is_refused_as_python_refuses_it() -> None:
    with pytest.raises(AttributeError, match="module 'biograd' has no attribute 'Rules'"):
        bg.Rules  # noqa: B018 (asking is the test)
    assert not hasattr(bg, "__wrapped__")
