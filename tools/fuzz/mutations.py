"""Ways to damage a file: blindly, byte by byte, and inside its container, with correct sizes and
checksums around the damage.

Every function takes a `random.Random` and returns new bytes, so that a seed and a number always
name the same input.
"""

from __future__ import annotations

import gzip
import io
import random
import struct
import warnings
import zipfile
from collections.abc import Sequence

SIZES = (
    *(0, 1, 2, 7, 8, 127, 128, 255, 256, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1),
    *(2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1),
)
WORDS = (
    *b"0 -1 1e999 NaN null true {} [] [[[[ \" ' \\ \x00 \n \x1b[2J".split(b" "),
    *b"../../etc/passwd /dev/zero".split(b" "),
    *b"999999999999999999999 1099511627776 <f8 |O >u4 |V99999999 \xff\xfe \xc3\x28 %s".split(b" "),
)


def blind(
    rng: random.Random, content: bytes, others: Sequence[bytes], words: Sequence[bytes]
) -> bytes:
    """Damage a file in one to six places without knowing its format."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        content = rng.choice(_BLIND)(rng, content, others, words)
    return content[: 1 << 20]


def _flip(rng, content, others, words):
    at = rng.randrange(len(content) + 1)
    return (
        content[:at] + bytes([content[at] ^ (1 << rng.randrange(8))]) + content[at + 1 :]
        if at < len(content)
        else content
    )


def _overwrite(rng, content, others, words):
    at, n = rng.randrange(len(content) + 1), rng.choice((1, 1, 2, 4, 8, 32))
    new = rng.choice((b"\x00" * n, b"\xff" * n, rng.randbytes(n)))
    return content[:at] + new + content[at + n :]


def _forge_size(rng, content, others, words):
    """Write one of SIZES, 1 to 8 bytes wide, where a size may be.

    Half of the time it begins at a multiple of 4.
    """
    width = rng.choice((1, 2, 4, 4, 8, 8))
    at = rng.randrange(max(1, len(content) - width + 1))
    at -= at % 4 if rng.random() < 0.5 else 0
    order = rng.choice(("little", "little", "big"))
    return (
        content[:at]
        + (rng.choice(SIZES) % 256**width).to_bytes(width, order)
        + content[at + width :]
    )


def _truncate(rng, content, others, words):
    return content[: rng.randrange(len(content) + 1)]


def _splice(rng, content, others, words):
    other = rng.choice(others)
    return content[: rng.randrange(len(content) + 1)] + other[rng.randrange(len(other) + 1) :]


def _cut_out(rng, content, others, words):
    at = rng.randrange(len(content) + 1)
    return content[:at] + content[at + rng.choice((1, 1, 4, 16, 100)) :]


def _repeat(rng, content, others, words):
    at, n = rng.randrange(len(content) + 1), rng.choice((1, 4, 16, 64, 256))
    return content[:at] + content[at : at + n] * rng.choice((2, 2, 3, 100)) + content[at + n :]


def _say(rng, content, others, words):
    at, word = rng.randrange(len(content) + 1), rng.choice((*WORDS, *words))
    return content[:at] + word + content[at + rng.choice((0, 0, len(word))) :]


_BLIND = (
    *(_flip, _flip, _overwrite, _forge_size, _forge_size),
    *(_truncate, _splice, _cut_out, _repeat, _say),
)


def inside_gzip(
    rng: random.Random, content: bytes, others: Sequence[bytes], words: Sequence[bytes]
) -> bytes:
    """Damage the content of a gzip file; its checksum is right."""
    unpacked = [gzip.decompress(other) for other in others]
    return gzip.compress(blind(rng, gzip.decompress(content), unpacked, words), 1)


# Names that leave the folder, or that a terminal or a file system may not take.
_NAMES = ("../escape.npy", "/tmp/escape.npy", "", "a" * 300, "w\x1b[31m.npy", "\n.npy")
_METHODS = (
    *[zipfile.ZIP_STORED] * 24,
    *[zipfile.ZIP_DEFLATED] * 14,
    *(zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA),
)


def inside_zip(
    rng: random.Random, content: bytes, others: Sequence[bytes], words: Sequence[bytes]
) -> bytes:
    """Damage, drop, swap or rename members of a zip archive; directory and checksums are right."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    names = [name for name, _ in members]
    index = rng.randrange(len(members))
    name, data = members[index]
    chance = rng.random()
    if chance < 0.75:
        members[index] = (name, _packed_member(rng, data, [other for _, other in members], words))
    elif chance < 0.83:
        del members[index]
    elif chance < 0.9:
        members[index] = (rng.choice(names), data)
    elif chance < 0.95:
        members[index] = (rng.choice(_NAMES), data)
    else:
        members.append((f"extra{rng.randrange(9)}.npy", data))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", rng.choice(_METHODS), compresslevel=1) as archive:
        written: set[str] = set()
        for name, data in members:
            if name not in written or rng.random() < 0.1:
                written.add(name)
                _write_member(archive, name, data)
    return out.getvalue()


def _write_member(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # two members of one name are intended
        archive.writestr(name, data)


def _packed_member(
    rng: random.Random, data: bytes, others: Sequence[bytes], words: Sequence[bytes]
) -> bytes:
    if data[:2] == b"\x1f\x8b":
        return gzip.compress(blind(rng, gzip.decompress(data), [gzip.decompress(data)], words), 1)
    if data[:6] == b"\x93NUMPY" and rng.random() < 0.5:
        return npy_header(rng, data)
    return blind(rng, data, others, words)


_TYPES = (
    *("<f8", "<i8", "|u1", "|b1", "<U4", "<U99999", "|O", "|V8", "<c16"),
    *("<M8[s]", "|S3", "<f2", ">i4", "[('a','<f8')]"),
)


def npy_header(rng: random.Random, data: bytes) -> bytes:
    """Change shape or type in the header of an .npy; the header's length is right."""
    (length,) = struct.unpack("<H", data[8:10])
    body = data[10 + length :]
    kind = rng.choice(_TYPES)
    extents = rng.choice((1, 2, 3, 40))
    shape = tuple(
        rng.choice((-1, 0, 1, 2, 3, 5, 10, 2**31, 2**40, 2**63, True)) for _ in range(extents)
    )
    header = rng.choice(
        (
            f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}",
            f"{{'descr': '{kind}', 'fortran_order': True, 'shape': (), }}",
            f"{{'descr': {'(' * 150}, 'fortran_order': False, 'shape': {shape}, }}",
            "__import__('os').system('true')",
            f"{{'descr': '{kind}', 'fortran_order': 1, 'shape': 7}}",
        )
    ).encode()
    if rng.random() < 0.5:  # the same type with another shape, or the same shape with another type
        header = rng.choice(
            (
                data[10 : 10 + length].replace(b"(", b"(1, "),
                data[10 : 10 + length].replace(b"<i8", kind.encode()[:9]),
            )
        )
    return data[:8] + struct.pack("<H", len(header)) + header + body


def safetensors_header(
    rng: random.Random, content: bytes, others: Sequence[bytes], words: Sequence[bytes]
) -> bytes:
    """Damage the JSON header of a safetensors file; the length before it is right."""
    (length,) = struct.unpack("<Q", content[:8])
    header = content[8 : 8 + length]
    way = rng.choice((_digits, _digits, _say, blind, blind, blind))
    header = way(rng, header, [header], words)
    return struct.pack("<Q", len(header)) + header + content[8 + length :]


_VALUES = (
    *(b"0", b"-1", b"999999999", b"1e999", b"null", b"true", b"18446744073709551616", b"[]"),
    b'\\"x\\"',
)


def _digits(rng, content, others, words):
    """Replace a number in a text."""
    places = [at for at, byte in enumerate(content) if 48 <= byte <= 57]
    if not places:
        return content
    at = rng.choice(places)
    return content[:at] + rng.choice(_VALUES) + content[at + 1 :]


def in_text(
    rng: random.Random, content: bytes, others: Sequence[bytes], words: Sequence[bytes]
) -> bytes:
    """Damage lines of a text: another number, a word, a line twice, two lines swapped."""
    lines = content.split(b"\n")
    index = rng.randrange(len(lines))
    chance = rng.random()
    if chance < 0.4:
        lines[index] = _digits(rng, lines[index], others, words)
    elif chance < 0.6:
        lines[index] = _say(rng, lines[index], others, words)
    elif chance < 0.7:
        lines.insert(index, rng.choice(lines))
    elif chance < 0.8:
        head, mark, _ = lines[index].partition(b"=" if b"=" in lines[index] else b":")
        lines[index] = head + mark + rng.choice((*WORDS, *words))
    else:
        lines[index] = blind(rng, lines[index], lines, words)
    return b"\n".join(lines)
