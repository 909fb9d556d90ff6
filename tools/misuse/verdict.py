"""One call made and judged.

right     returned, as it may, and equal to the clean call where it must be
refused   a ValueError or TypeError that this project raised, in one line of fewer than 400 letters
inner     any other exception, or one that torch, NumPy, numba or Python raised by itself
silent    a wrong call returned, or a harmless change gave another result
barred    a legal call was refused
crash     the process died; hang: more than 20 s. Both are seen from outside, by `__main__`
"""

from __future__ import annotations

import dis
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import torch
from case import CASES, DEFAULT, Call, Choice, choose
from likeness import contents, equal
from material import Draw

ROOT = Path(__file__).parents[2]
SOURCES = (str(ROOT / "biograd"), str(ROOT / "hardware"))
LONGEST = 400  # letters of a message
FEWEST = 4  # words of a message
FAULTS = ("inner", "silent", "barred", "crash", "hang")


class Verdict(NamedTuple):
    """The outcome of a call."""

    verdict: str
    kind: str = ""  # of the exception, or of the fault
    message: str = ""
    place: str = ""  # file and line of this project where it went wrong


_clean: dict[tuple[str, int], Any] = {}  # any: contents of clean results, by case and variant


def built(name: str, variant: int) -> Call:
    """A case's call in one of its variants, its arguments made afresh."""
    torch.set_default_dtype(torch.float32)
    torch.manual_seed(0)
    return CASES[name](Draw(name, variant))


def judge(
    name: str, seed: int, number: int, announce: Callable[[str], None] = lambda text: None
) -> tuple[Choice, Verdict]:
    """Make call `number` of a case, and judge it; `announce` hears its mutations before."""
    try:
        choice, call = choose(name, seed, number, lambda variant: built(name, variant))
    except Exception as error:
        text = f"a valid call cannot be made: {type(error).__name__}: {error}"
        return Choice(0, ()), Verdict("inner", "case", text, _raised_by(error.__traceback__)[1])
    announce(choice.text)
    key = (name, choice.variant)
    if choice.mutated and choice.expected.equal and key not in _clean:
        _, _clean[key], _ = attempt(built(*key), Choice(choice.variant, ()))
    error, result, result_text = attempt(call, choice)
    if error is not None:
        return choice, _raised(error, call, choice)
    if not choice.mutated:
        _clean[key] = result
    return choice, _returned(result, result_text, choice, key)


def attempt(call: Call, choice: Choice) -> tuple[BaseException | None, Any, str]:
    """Make a call: its exception, or the contents of its result and what is wrong with them."""
    arguments = {name: slot.value for name, slot in call.slots.items()}
    try:
        for name, mutation in choice.mutated:
            if name != DEFAULT:
                arguments[name] = mutation.change(arguments[name])
        torch.manual_seed(0)
        if any(name == DEFAULT for name, _ in choice.mutated):
            torch.set_default_dtype(torch.float64)
        result = call.function(**arguments)
        complaint = call.complaint(result) if call.complaint else ""
        return None, contents(result), complaint
    except Exception as error:
        return error, None, ""
    finally:
        torch.set_default_dtype(torch.float32)


def _raised(error: BaseException, call: Call, choice: Choice) -> Verdict:
    kind, message = type(error).__name__, str(error)
    ours, place = _raised_by(error.__traceback__)
    verdict = Verdict("refused", kind, message, place)
    if isinstance(error, MemoryError) or "can't allocate memory" in message:
        return verdict  # a petabyte was asked for, and the message says so
    if not ours or not isinstance(error, (ValueError, TypeError, *call.errors)):
        return verdict._replace(verdict="inner")
    if not message.isprintable() or len(message) >= LONGEST or len(message.split()) < FEWEST:
        lines, letters = message.count("\n") + 1, len(message)
        text = f"its message has {lines} lines, {letters} letters: {message[:200]}"
        return verdict._replace(verdict="inner", message=text)
    return verdict if choice.expected.refuses else verdict._replace(verdict="barred")


def _raised_by(trace: TracebackType | None) -> tuple[bool, str]:
    """Return whether a `raise` of ours raised it, and its last place in the project."""
    place, ours = "", False
    while trace is not None:
        code, file = trace.tb_frame.f_code, trace.tb_frame.f_code.co_filename
        ours = False
        if file.startswith(SOURCES):
            place = f"{Path(file).relative_to(ROOT)}:{trace.tb_lineno}"
            ours = dis.opname[code.co_code[trace.tb_lasti]] == "RAISE_VARARGS"
        trace = trace.tb_next
    return ours, place


def _returned(result: Any, complaint: str, choice: Choice, key: tuple[str, int]) -> Verdict:
    if complaint:
        return Verdict("silent", "text", complaint)
    if not choice.expected.returns:
        return Verdict("silent", "accepted", f"returned {_short(result)}")
    if choice.mutated and choice.expected.equal and not equal(result, _clean[key]):
        text = f"returned {_short(result)}, the clean call {_short(_clean[key])}"
        return Verdict("silent", "another result", text)
    return Verdict("right")


def _short(result: Any) -> str:
    return " ".join(repr(result).split())[:90]


def show(name: str, seed: int, number: int) -> None:
    """Print a call, its arguments and what came of it, with the traceback."""
    choice, call = choose(name, seed, number, lambda variant: built(name, variant))
    print(f"{name}, variant {choice.variant}; {choice.text}; expected: {choice.expected}")
    for argument, slot in call.slots.items():
        value = slot.value
        for changed, mutation in choice.mutated:
            value = mutation.change(value) if changed == argument else value
        shape = f" {tuple(value.shape)}" if isinstance(value, torch.Tensor) else ""
        print(f"  {argument}: {type(value).__name__}{shape} {_short(value)}", flush=True)
    error, _, _ = attempt(built(name, choice.variant), choice)
    if error is not None:
        traceback.print_exception(error)
    choice, verdict = judge(name, seed, number)
    print(*verdict, sep="; ")
