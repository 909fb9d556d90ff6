"""Configurations of a run as TOML files: data alone, checked field by field."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, get_origin, get_type_hints

import tomli_w
import tomllib

from ..checks import path_of
from ..files import printable
from .config import RunConfig, with_neuron_model
from .presets import PRESETS, preset

T = TypeVar("T")
_MOST_LISTED = 12  # names in one message
MAX_BYTES = 1 << 16  # of a configuration; with every field named it has two thousand
_INT_END = 1 << 53  # whole numbers below this are exact as floats
_NEEDED = {  # what a field of each type holds, for messages
    int: "a whole number",
    float: "a number",
    str: "a string",
    tuple[int, ...]: "a list of whole numbers, e.g. [256, 256]",
    tuple[float, ...]: "a list of numbers, e.g. [0.9, 0.75, 0.75]",
}


def read_config(path: str | Path) -> RunConfig:
    """Read a TOML file; it may name a `preset` to start from.

    Raises: ValueError in one line for unknown fields, wrong types and values out of range.

    Example:
        >>> _ = Path("run.toml").write_text("epochs = 3")
        >>> read_config("run.toml").epochs
        3
    """
    table = _table(path)
    base = RunConfig()
    if "preset" in table:
        base = preset(_as_type(table.pop("preset"), str, f"{path}: preset"))
    if isinstance(model := table.get("neuron_model"), str):
        try:
            base = with_neuron_model(base, model)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    return _from_table(base, table, str(path), "")


def read_run_config(path: Path) -> RunConfig:
    """Read the configuration of a run folder, which names every field of the version that wrote it.

    Before layered feedback, "sleep" meant direct feedback at every depth: such files, which have no
    field `net`, keep that meaning.
    """
    config = read_config(path)
    deep = config.feedback == "sleep" and len(config.hidden) > 2
    if deep and "\nnet = " not in path.read_text(encoding="utf-8"):
        return dataclasses.replace(config, feedback="sleep-direct")
    return config


def read_fields(path: str | Path, base: T) -> T:
    """Read a TOML file of fields of a frozen dataclass; those it lacks are as in `base`.

    Raises: ValueError as `read_config`.
    """
    return _from_table(base, _table(path), str(path), "")


def config_toml(config: RunConfig) -> str:
    """Return a configuration as TOML, every field named."""
    return tomli_w.dumps(dataclasses.asdict(config))


def _table(path: str | Path) -> dict[str, Any]:  # any: TOML's values
    """Return the contents of a TOML file; ValueError where it is missing, too large or no TOML."""
    path = path_of(path, "path")
    if not path.is_file():
        raise ValueError(
            f"{printable(path)} is not a file: name a TOML file, or start from a preset"
            f" ({', '.join(PRESETS)})"
        )
    if (size := Path(path).stat().st_size) > MAX_BYTES:
        raise ValueError(
            f"{path} has {size:,} bytes; a configuration has at most {MAX_BYTES:,}: this is another"
            " file"
        )
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    # TOMLDecodeError, UnicodeDecodeError, and numbers of thousands of digits
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not TOML: {error}") from error


# any: one of the frozen params
def _from_table(base: Any, table: Mapping[str, Any], path: str, prefix: str) -> Any:
    hints = get_type_hints(type(base))
    fields = [field.name for field in dataclasses.fields(base)]
    changes = {}
    for name, value in table.items():
        where = f"{path}: {prefix}{name}"
        if name not in fields:
            near = difflib.get_close_matches(name, fields, n=1)
            raise ValueError(
                f"{where} is not a field; "
                + (f"did you mean {prefix}{near[0]}?" if near else _listed(fields))
            )
        if dataclasses.is_dataclass(hints[name]):
            if not isinstance(value, dict):
                raise ValueError(f"{where} is {value!r}; need a table, [{prefix}{name}]")
            changes[name] = _from_table(getattr(base, name), value, path, f"{prefix}{name}.")
        else:
            changes[name] = _as_type(value, hints[name], where)
    try:
        return dataclasses.replace(base, **changes)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _listed(fields: list[str]) -> str:
    """Return the end of a refusal of an unknown field: a few fields, or where to find many."""
    if len(fields) > _MOST_LISTED:
        return "its fields are the flags of 'biograd train --help', with _ for -"
    return f"known: {', '.join(fields)}"


def _as_type(value: Any, kind: Any, where: str) -> Any:  # any: TOML's values, and types of fields
    if type(value) is int and abs(value) >= _INT_END:
        raise ValueError(
            f"{where} is a number of {len(str(abs(value)))} digits; need one below 2**53"
        )
    if kind is float and type(value) in (int, float):
        return float(value)
    if kind == tuple[float, ...] and _all_numbers(value, int, float):
        return tuple(map(float, value))
    if kind == tuple[int, ...] and _all_numbers(value, int):
        return tuple(value)
    if type(value) is kind or (get_origin(kind) is Literal and type(value) is str):
        return value  # which words a field knows is the configuration's own check
    need = _NEEDED.get(kind, "a word")
    raise ValueError(f"{where} is {value!r}; need {need}")


def _all_numbers(value: Any, *kinds: type) -> bool:  # any: TOML's values
    return isinstance(value, list) and all(
        type(number) in kinds and abs(number) < _INT_END for number in value
    )
