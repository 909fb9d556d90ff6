"""Text from files and errors, made safe to print. Needs the standard library alone."""

from __future__ import annotations


def printable(value: object, limit: int = 200) -> str:
    """Return `value` as text of printable letters, cut after `limit` of them."""
    text = str(value)
    letters = "".join(letter if letter.isprintable() else "?" for letter in text[:limit])
    return letters if len(text) <= limit else letters + "..."


def quoted(name: object) -> str:
    """Return a name read from a file in quotes, ASCII, at most 60 letters."""
    text = ascii(name)
    return text if len(text) <= 60 else f"{text[:50]}...{text[-1]}"


def one_line(err: BaseException, limit: int = 160) -> str:
    """Return an error's message in one printable line; the message may quote a file."""
    return printable(" ".join(str(err).split()) or type(err).__name__, limit)
