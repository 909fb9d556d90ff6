"""The fixed-point arithmetic of Loihi's learning engine: bit widths, products, rules, traces.

Bit widths and exponents are those of Lava 0.10.0 (`lava/magma/core/learning/constants.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

FACTOR_BITS = {"x1": 7, "x2": 7, "y1": 7, "y2": 7, "y3": 7, "w": 9, "t": 9, "d": 9}
MANTISSA_BITS = 4
ACCUMULATOR_BITS = 15
WEIGHT_FRACTION_BITS = 7  # bits of the accumulator below a weight's lowest bit
MIN_EXPONENT, MAX_EXPONENT = -7, 8
MIN_MANTISSA, MAX_MANTISSA = -8, 7
MAX_PRODUCTS, MAX_FACTORS = 4, 3  # ours: a size that short microcode programs surely hold


@dataclass(frozen=True)
class Product:
    """One product of a rule, mantissa * 2^exponent * u0 * factor * factor ..."""

    mantissa: int
    exponent: int
    factors: tuple[str, ...]

    @property
    def shift(self) -> int:
        """Bits that the engine drops from the product before it applies the exponent."""
        return max(0, sum(FACTOR_BITS[f] for f in self.factors) + MANTISSA_BITS - ACCUMULATOR_BITS)

    def __str__(self) -> str:
        scale = f"{'-' if self.mantissa < 0 else ''}{abs(self.mantissa)} * 2^{self.exponent}"
        return " * ".join((scale, "u0", *self.factors))


@dataclass(frozen=True)
class Rule:
    """A sum of products that changes one synaptic variable; `str` gives Lava's notation."""

    products: tuple[Product, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.products) <= MAX_PRODUCTS:
            raise ValueError(
                f"the rule has {len(self.products)} products; the microcode holds 1 to"
                f" {MAX_PRODUCTS}: merge terms"
            )
        for product in self.products:
            _check_product(product)

    def __str__(self) -> str:
        first, *others = map(str, self.products)
        return first + "".join(
            f" - {text[1:]}" if text.startswith("-") else f" + {text}" for text in others
        )


def check_saturation(rule: Rule, trace: int) -> None:
    """Refuse an exponent at which traces of this size would saturate the accumulator.

    A saturated rule would no longer be a product of its factors.
    Raises: ValueError.
    """
    for product in rule.products:
        size = 1
        for f in product.factors:
            size *= trace if FACTOR_BITS[f] == 7 else 1 << (FACTOR_BITS[f] - 1)
        if (size * abs(product.mantissa) >> product.shift) << (
            product.exponent + 7
        ) > 1 << ACCUMULATOR_BITS:
            if "w" in product.factors:
                continue  # forgetting: its y3 is a constant of ours, never as large
            raise ValueError(
                f"rule {str(product)!r}: traces of {trace} saturate the {ACCUMULATOR_BITS}-bit"
                " accumulator: lower the exponent"
            )


def trace_keep(tau: int) -> float:
    """Return the fraction of a trace that Lava keeps per step; tau in steps."""
    return math.exp(-1 / tau)


# Loihi3FLearningRule sets this tau for y traces: 127 becomes 126.998, stochastically rounded
Y_KEEP = trace_keep(65_535)


def _check_product(product: Product) -> None:
    if not MIN_MANTISSA <= product.mantissa <= MAX_MANTISSA:
        raise ValueError(
            f"rule {str(product)!r}: mantissa {product.mantissa}; the microcode holds"
            f" {MIN_MANTISSA} to {MAX_MANTISSA}"
        )
    if not MIN_EXPONENT <= product.exponent <= MAX_EXPONENT:
        raise ValueError(
            f"rule {str(product)!r}: exponent {product.exponent}; the microcode holds"
            f" {MIN_EXPONENT} to {MAX_EXPONENT}: scale a trace"
        )
    unknown = [f for f in product.factors if f not in FACTOR_BITS]
    if unknown:
        raise ValueError(
            f"rule {str(product)!r}: no factor {unknown[0]!r}; the engine knows"
            f" {', '.join(FACTOR_BITS)}"
        )
    if not 1 <= len(product.factors) <= MAX_FACTORS:
        raise ValueError(
            f"rule {str(product)!r}: {len(product.factors)} factors; the microcode holds 1 to"
            f" {MAX_FACTORS}"
        )
