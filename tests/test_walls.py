"""The borders between the wings, read from the source itself: nothing here imports the project."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("biograd", "hardware", "benchmarks")
FILES = {
    ".".join(
        (file.parent if file.stem == "__init__" else file.with_suffix("")).relative_to(ROOT).parts
    ): file
    for package in PACKAGES
    for file in sorted((ROOT / package).rglob("*.py"))
}
TREES = {
    name: ast.parse(file.read_text(encoding="utf-8"), str(file)) for name, file in FILES.items()
}


def imports(name: str, *, whole: bool = True) -> set[str]:
    """Absolute names of the modules a module imports; all of them, or only those imported as soon
    as it is.
    """
    found: set[str] = set()
    for node in ast.walk(TREES[name]) if whole else _at_once(TREES[name]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = name.split(".") if FILES[name].stem == "__init__" else name.split(".")[:-1]
            base = ".".join(
                [*package[: len(package) - node.level + 1], node.module or ""]
                if node.level
                else [node.module or ""]
            ).strip(".")
            # `from . import scans` names a module, `from .network import Network` does not.
            found |= {
                f"{base}.{alias.name}" if f"{base}.{alias.name}" in FILES else base
                for alias in node.names
            }
    return found


def _at_once(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from _at_once(node)


def tops(name: str) -> set[str]:
    return {module.split(".")[0] for module in imports(name)}


def calls(name: str, *functions: str) -> list[int]:
    """Lines on which a module calls one of these functions by its bare name."""
    return [
        node.lineno
        for node in ast.walk(TREES[name])
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in functions
    ]


def names(*prefixes: str) -> list[str]:
    return [
        name
        for name in FILES
        if any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)
    ]


def test_the_imports_of_a_module_are_read_as_python_reads_them() -> None:
    # from . import traces
    assert {"biograd.traces", "torch", "jaxtyping", "abc"} <= imports("biograd.rules")
    assert "biograd.network" in imports("biograd.learning.learner")  # from .network import Network
    assert "biograd.learning.learner" in imports("biograd")  # the package itself


@pytest.mark.parametrize("name", names("hardware"))
def test_the_chip_side_never_imports_torch_or_the_simulator(name: str) -> None:
    assert not tops(name) & {"torch", "biograd", "benchmarks", "snntorch", "jaxtyping"}


@pytest.mark.parametrize("name", [name for name in FILES if name not in names("hardware.loihi")])
def test_only_the_loihi_folder_imports_lava(name: str) -> None:
    assert "lava" not in tops(name)


@pytest.mark.parametrize("name", names("biograd"))
def test_the_simulator_never_imports_the_benchmarks(name: str) -> None:
    assert "benchmarks" not in tops(name)


@pytest.mark.parametrize("name", names("biograd"))
def test_the_simulator_enters_the_chip_side_only_where_networks_leave_for_it(name: str) -> None:
    doors = names(
        "biograd.commands",
        "biograd.interop",
        "biograd.deployment",
        "biograd.pictures",
        "biograd.drawing",
        "biograd.studies.faults",
    )
    inside = {module for module in imports(name) if module.split(".")[0] == "hardware"}
    # one way to write a file whole, one way to check a number: the standard library alone
    assert not inside or name in doors or inside <= SHARED.get(name, set())


SHARED = {
    "biograd.files": {"hardware.border.atomic", "hardware.border.printable"},
    "biograd.checks": {"hardware.border.checks"},
}


@pytest.mark.parametrize("name", sorted(set().union(*SHARED.values())))
def test_modules_that_both_sides_share_need_the_standard_library_alone(name: str) -> None:
    assert tops(name) <= {*sys.stdlib_module_names, "__future__"}


@pytest.mark.parametrize("name", FILES)
def test_the_stable_address_for_scripts_is_not_used_inside(name: str) -> None:
    assert "hardware.interchange" not in imports(name)


@pytest.mark.parametrize("name", names("biograd.kernels"))
def test_compiled_code_knows_no_science(name: str) -> None:
    inside = {module for module in imports(name) if module.startswith("biograd")}
    assert all(module.startswith("biograd.kernels") for module in inside), inside


@pytest.mark.parametrize("name", names("biograd.params"))
def test_parameters_need_the_standard_library_and_checks_alone(name: str) -> None:
    needed = imports(name) - {"biograd.checks"}
    assert {module.split(".")[0] for module in needed} <= {*sys.stdlib_module_names, "__future__"}


SCIENCE = (
    "network",
    "neurons",
    "traces",
    "rules",
    "feedback",
    "sleep",
    "errors",
    "encoders",
    "readout",
)


WITHOUT_WORDS = names(
    "biograd.training",
    "biograd.learning",
    "biograd.kernels",
    *(f"biograd.{name}" for name in SCIENCE),
)


# TensorBoard writes its own files; workers read what torchrun says in the environment.
@pytest.mark.parametrize(
    "name", sorted(set(WITHOUT_WORDS) - {"biograd.training.callbacks", "biograd.learning.workers"})
)
def test_training_and_sleep_see_no_words_files_or_prints(name: str) -> None:
    wordy = names(
        "biograd.runs",
        "biograd.commands",
        "biograd.interop",
        "biograd.pictures",
        "biograd.files",
        "biograd.data.datasets",
    )
    assert not imports(name) & set(wordy)
    assert not tops(name) & {
        "os",
        "io",
        "pathlib",
        "json",
        "tomllib",
        "shutil",
        "tempfile",
        "argparse",
        "tyro",
        "rich",
        "logging",
        "sys",
    }
    assert not calls(name, "open", "print", "input")


def test_the_training_loop_knows_no_workers() -> None:
    workers = {"biograd.learning.workers", "biograd.learning.shared_learner"}
    assert not [name for name in names("biograd.training") if workers & imports(name)]


@pytest.mark.parametrize("name", names("benchmarks.report"))
def test_the_report_sees_only_records(name: str) -> None:
    assert not tops(name) & {"torch", "hardware"}
    # Records to tell, figures to draw, and the atomic write.
    known = {"biograd.runs", "biograd.runs.records", "biograd.files", *names("biograd.pictures")}
    assert {module for module in imports(name) if module.startswith("biograd")} <= known
    assert {module for module in imports(name) if module.startswith("benchmarks")} <= {
        "benchmarks.same_task",
        *names("benchmarks.report"),
    }


@pytest.mark.parametrize("wing", PACKAGES)
def test_no_folder_holds_more_than_22_modules(wing: str) -> None:
    folders = [FILES[name].parent for name in names(wing)]
    assert max(folders.count(folder) for folder in set(folders)) <= 22


def test_no_module_imports_itself_in_a_circle() -> None:
    graph = {
        name: {
            module for module in imports(name, whole=False) if module in FILES and module != name
        }
        for name in FILES
    }
    done: set[str] = set()

    def follow(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join((*path, name))
        if name not in done:
            for module in sorted(graph[name]):
                follow(module, (*path, name))
            done.add(name)

    for name in graph:
        follow(name, ())


@pytest.mark.parametrize("name", FILES)
def test_only_the_roofs_print(name: str) -> None:
    roofs = names(
        "biograd.commands.cli",
        "biograd.commands",
        "biograd.commands.console",
        "biograd.__main__",
        "hardware.__main__",
        "hardware.loihi.runner",
    )
    assert name in roofs or not calls(name, "print", "input")


# hardware/loihi names its modules in full, as its worker's command line does.
@pytest.mark.parametrize("name", [name for name in FILES if name not in names("hardware.loihi")])
def test_imports_within_a_package_are_relative_and_between_packages_absolute(name: str) -> None:
    own = name.split(".")[0]
    written = {
        node.module or ""
        for node in ast.walk(TREES[name])
        if isinstance(node, ast.ImportFrom) and not node.level
    }
    written |= {
        alias.name
        for node in ast.walk(TREES[name])
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert not {module for module in written if module.split(".")[0] == own}


def test_no_file_names_a_path_of_one_machine() -> None:
    # Home and scratch folders at the start of a path; written in pieces, or this file would name
    # them too.
    machine = re.compile(
        r"(?<![\w.:/~$}-])/(?:"
        + "|".join(("home", "Users", "root", "work", "mnt", "scratch"))
        + r")/\w"
    )
    kept = ("biograd", "hardware", "benchmarks", "tests", "tools", ".ci")
    files = [file for folder in kept for file in (ROOT / folder).rglob("*") if file.is_file()] + [
        f for f in ROOT.iterdir() if f.is_file()
    ]
    text = (".py", ".md", ".toml", ".txt", ".cff", ".jsonl", ".json", ".j2", ".svg", "")
    named = [
        f"{file.relative_to(ROOT)}: {found.group()}"
        for file in files
        if file.suffix in text and "__pycache__" not in file.parts and file.name != ".git"
        for found in machine.finditer(file.read_text(encoding="utf-8", errors="replace"))
    ]
    assert not named
    assert machine.search("cd /" + "home/someone") and not machine.search(
        "https://x.org/" + "home/page"
    )


def test_tests_hold_no_package_marker() -> None:
    # with one, `import hardware` would find the tests' folder
    assert not list((ROOT / "tests").rglob("__init__.py"))
