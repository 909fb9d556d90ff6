"""Text of the parts of a network: their class and settings, in one line."""

from __future__ import annotations

from torch import Tensor

from .checks import text_of

LONGEST = 200  # letters of one setting


def described(part: object, *names: str) -> str:
    """Return the class and settings of an object.

    Args:
        names: of the attributes that are its settings; all public ones unless given.

    Example:
        >>> described(Values(-1.0, 1.0))
        'Values(low=[-1.0], high=[1.0], neurons=1)'
    """
    chosen = names or [name for name in vars(part) if not name.startswith("_")]
    settings = (f"{name}={_setting(getattr(part, name))}" for name in chosen)
    return f"{type(part).__name__}({', '.join(settings)})"


def _setting(value: object) -> str:
    return text_of(value.tolist() if isinstance(value, Tensor) else value, LONGEST)
