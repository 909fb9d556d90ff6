"""Check the licences of installed packages: `python tools/licences.py`.

They are compared with those that may be shipped beside Apache-2.0.

Looks at every distribution of the environment it runs in. Exit code 1, and a line each, where a
licence is unknown or not on the list.
"""

from __future__ import annotations

import importlib.metadata
import re
import sys
from collections.abc import Iterator

# Permissive ones; MPL-2.0 binds only its own files, and comes with developers' tools alone.
ALLOWED = {
    *(
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSL-1.0",
        "CC0-1.0",
        "HPND",
        "ISC",
        "MIT",
        "MIT-0",
        "MIT-CMU",
        "MPL-2.0",
    ),
    *(
        "LLVM-exception",
        "PSF-2.0",
        "Python-2.0",
        "Unlicense",
        "Zlib",
        "Unicode-3.0",
        "Unicode-DFS-2016",
    ),
}
# How older packages say the same: in a classifier, or in the first words of a text.
OLDER = {
    "apache software license": "Apache-2.0",
    "apache license version 2.0": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "bsd license": "BSD-3-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "bsd": "BSD-3-Clause",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
    "public domain": "CC0-1.0",
    "dfsg approved": "",
    "osi approved": "",
}
# Looked at by a person: the package, the version, and why it may stay.
LOOKED_AT = {
    ("lava-nc", "0.10.0"): (
        "BSD-3-Clause, and LGPL-2.1+ for the compiler's magma; used as it is, unmodified, in an"
        " environment of its own"
    ),
}


def licences(package: importlib.metadata.Distribution) -> set[str]:
    """The SPDX names that a package's metadata amounts to; what cannot be read stays as it is
    written there.
    """
    told = package.metadata
    if expression := told.get("License-Expression"):
        return {name for name in re.split(r"[\s()]+|\bAND\b|\bOR\b|\bWITH\b", expression) if name}
    classifiers = [
        line.rsplit("::", 1)[-1].strip()
        for line in told.get_all("Classifier") or []
        if line.startswith("License")
    ]
    found = {OLDER.get(text.lower(), text) for text in classifiers} - {""}
    if found:
        return found
    text = " ".join((told.get("License") or "unknown").split())
    return {
        next(
            (name for older, name in OLDER.items() if name and text.lower().startswith(older)),
            text[:60],
        )
    }


def faults() -> Iterator[str]:
    """A line for each package whose licence is not allowed and was not looked at."""
    for package in importlib.metadata.distributions():
        name, version = package.metadata["Name"], package.version
        wrong = licences(package) - ALLOWED
        if wrong and (name, version) not in LOOKED_AT:
            yield (
                f"{name} {version}: {', '.join(sorted(wrong))}; look at it, then add it to"
                " tools/licences.py, or do without the package"
            )


def main() -> int:
    """Print the faults; 1 where there are any."""
    refused = sorted(set(faults()))
    count = len(list(importlib.metadata.distributions()))
    print("\n".join(refused) or f"{count} packages, all with licences that may be shipped")
    return int(bool(refused))


if __name__ == "__main__":
    sys.exit(main())
