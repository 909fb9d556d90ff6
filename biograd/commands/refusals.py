"""Refusals of the command line in one line, which names the flag as it was typed."""

from __future__ import annotations

import re

# Python's words for text that is no number, and ours.
_NUMBERS = {
    r"invalid literal for int\(\) with base 10": "need a whole number",
    "could not convert string to float": "need a number",
}


def one_line(box: str) -> str:
    """Return the complaint in a box drawn by tyro as one line, with the nearest flag it names.

    The complaint ends at a rule, and flags that tyro suggests stand below it. Where output is not
    UTF-8 the box has no frame, and a rule below its title.
    """
    lines = [line.strip().strip("│").strip() for line in box.splitlines()]
    framed = any(line.startswith("╭") for line in lines)
    lines = [line for line in lines if not line.startswith(("╭", "╰"))][0 if framed else 2 :]
    rules = [at for at, line in enumerate(lines) if line and not line.strip("─-")]
    end = rules[0] if rules else len(lines)
    complaint, below = _plain(" ".join(" ".join(lines[:end]).split())), lines[end + 1 :]
    near = [line.split()[0] for line in below if line.startswith("--")]
    if not near or "Perhaps you meant:" not in below:
        return complaint
    return f"{complaint}; did you mean {near[0]}?"


def as_typed(message: str, arguments: list[str]) -> str:
    """Return a refusal of a value with the flag's name as it was typed, where it was.

    Example:
        >>> as_typed("weight_bits is 7; need 2 to 6, or 8", ["--weight-bits", "7"])
        '--weight-bits is 7; need 2 to 6, or 8'
        >>> as_typed("AugmentParams.shift is 99; need 0 to 14", ["--augment.shift=99"])
        '--augment.shift is 99; need 0 to 14'
    """
    name, _, rest = message.partition(" is ")
    flags = [word.partition("=")[0] for word in arguments if word.startswith("--")]
    named = [flag for flag in flags if _field(flag) == name]
    named += [flag for flag in flags if _may_mean(_field(flag), name)]
    return f"{named[0]} is {rest}" if named else message


def _plain(complaint: str) -> str:
    """Return a complaint without the way that tyro or Python came to it."""
    for python, plain in _NUMBERS.items():
        complaint = re.sub(
            rf"Error parsing (\S+): {python}: (.*)", rf"\1 is \2; {plain}", complaint
        )
    complaint = re.sub(
        r"Error parsing (\S+): Could not find valid parse for arguments: (\[.*\])",
        r"\1 is \2; need values of its kind",
        complaint,
    )
    return re.sub(r"^Error parsing (run\.\w+|faults): ", "", complaint)


def _field(flag: str) -> str:
    return flag.removeprefix("--").replace("-", "_")


def _may_mean(field: str, name: str) -> bool:
    """True where a flag's field is that of a message, which names it by its class of parameters."""
    (table, _, last), (kind, _, wanted) = field.rpartition("."), name.rpartition(".")
    return kind[:1].isupper() and last == wanted and kind.lower().startswith(table)
