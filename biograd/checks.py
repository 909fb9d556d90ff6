"""Checks of arguments, shared with the chip side; they need the standard library alone.

Each returns the value, or raises a TypeError or ValueError of one line that names the argument,
its value, the limit, and the way out.
"""

from __future__ import annotations

from hardware.border.checks import (
    instance_of,
    known_words,
    or_default,
    path_of,
    real_fields,
    real_number,
    text_of,
    truth_value,
    whole_fields,
    whole_number,
    word_of,
)

__all__ = [
    "instance_of",
    "known_words",
    "or_default",
    "path_of",
    "real_fields",
    "real_number",
    "text_of",
    "truth_value",
    "whole_fields",
    "whole_number",
    "word_of",
]
