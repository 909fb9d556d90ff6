"""Numbers with SI prefixes, as tables and axes show them."""

from __future__ import annotations

from collections.abc import Sequence

_PREFIXES = (
    (9, "G"),
    (6, "M"),
    (3, "k"),
    (0, ""),
    (-3, "m"),
    (-6, "µ"),
    (-9, "n"),
    (-12, "p"),
)


def engineering(value: float, unit: str) -> str:
    """Return a value with an SI prefix and two or three significant digits.

    2.5e-6 J is "2.5 uJ" (with a Greek mu); unit "" gives the bare number.
    """
    if value == 0:
        return f"0 {unit}".strip()
    for power, prefix in _PREFIXES:
        if abs(value) >= 0.9995 * 10.0**power or power == _PREFIXES[-1][0]:
            scaled = value / 10.0**power
            digits = 0 if abs(scaled) >= 99.95 else 1 if abs(scaled) >= 9.995 else 2
            text = f"{scaled:.{digits}f}"
            return f"{text.rstrip('0').rstrip('.') if '.' in text else text} {prefix}{unit}".strip()
    raise AssertionError("unreachable: the smallest prefix takes everything")


def engineering_range(bounds: Sequence[float], unit: str) -> str:
    """Return two bounds as `engineering` writes them; one value where they look the same."""
    low, high = (engineering(bound, unit) for bound in bounds)
    return low if low == high else f"{low} – {high}"
