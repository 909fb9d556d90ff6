"""Compare what pip would install with recorded checksums: `python tools/hashes.py`, in either
environment.

`hashes.txt` holds, for every pinned version of constraints.txt, the SHA-256 of the files that were
installed when it was tried (Linux on x86-64; CPython 3.10 and 3.11). pip is asked what it would
install now, and from which file; nothing is installed. Exit code 1, and a line each, where a file
of the same name has another checksum, or a package is not pinned. A file of another platform is
told, and no error: so set-up itself (`make`) does not ask for hashes, which would refuse every
platform and index but the recorded ones. Where they are the recorded ones, `pip install
--require-hashes -r hashes.txt && pip install --no-deps -e .` does.

    python tools/hashes.py             check
    python tools/hashes.py --record    add what pip would install now
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import urllib.parse
from pathlib import Path

ROOT = Path(__file__).parents[1]
RECORD = ROOT / "hashes.txt"
_HEAD = (
    "# SHA-256 of the files behind constraints.txt; written by tools/hashes.py --record, checked by"
    " tools/hashes.py.\n"
)


def resolved() -> dict[str, tuple[str, str]]:
    """Return the files that pip would install afresh: name -> (file, sha256)."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--dry-run",
        "--ignore-installed",
        "--report",
        "-",
    ]
    done = subprocess.run(
        [*command, "-c", "constraints.txt", ".[dev,docs]"], cwd=ROOT, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"pip could not resolve: {done.stderr.strip().splitlines()[-1]}")
    found = {}
    for item in json.loads(done.stdout[done.stdout.index("{") :])["install"]:
        origin = item["download_info"]
        if hashes := origin.get("archive_info", {}).get("hashes"):
            file = urllib.parse.unquote(origin["url"].rsplit("/", 1)[1])
            found[_plain(item["metadata"]["name"])] = (file, hashes["sha256"])
    return found


def pinned() -> dict[str, list[str]]:
    """The lines of constraints.txt, by package."""
    lines: dict[str, list[str]] = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if "==" in line and not line.startswith("#"):
            lines.setdefault(_plain(line.split("==")[0]), []).append(line.strip())
    return lines


def recorded() -> dict[str, str]:
    """File -> sha256."""
    return (
        dict(
            re.findall(
                r"^# (\S+) sha256:(\w{64})$", RECORD.read_text(encoding="utf-8"), re.MULTILINE
            )
        )
        if RECORD.exists()
        else {}
    )


def write(files: dict[str, str]) -> None:
    """Write the record: a requirements file that pip reads, and below each package the files of its
    hashes.
    """
    text = _HEAD
    for name, lines in sorted(pinned().items()):
        for line in lines:
            version = re.split(r"[;\s]", line.split("==")[1])[0]
            own = {file: digest for file, digest in files.items() if _belongs(file, name, version)}
            if own:
                text += (
                    " \\\n".join(
                        [line, *(f"    --hash=sha256:{digest}" for digest in sorted(own.values()))]
                    )
                    + "\n"
                )
                text += "".join(
                    f"# {file} sha256:{digest}\n" for file, digest in sorted(own.items())
                )
    RECORD.write_text(text, encoding="utf-8")


def _belongs(file: str, name: str, version: str) -> bool:
    parts = file.split("-")
    return _plain(parts[0]) == name and re.split(r"\+|\.tar\.gz|\.zip", parts[1])[0] == version


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> int:
    """Check, or record."""
    parser = argparse.ArgumentParser(
        prog="hashes", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--record", action="store_true", help="add what pip would install now")
    now, known = resolved(), recorded()
    if parser.parse_args().record:
        write(known | dict(now.values()))
        print(f"{len(now)} files recorded, {len(recorded())} in all")
        return 0
    loose = sorted(set(now) - set(pinned()))
    wrong = [
        f"{file} has sha256 {digest}, recorded is {known[file]}"
        for file, digest in now.values()
        if known.get(file, digest) != digest
    ]
    other = [file for file, _ in now.values() if file not in known]
    for line in [*wrong, *(f"{name} is not pinned in constraints.txt" for name in loose)]:
        print(line)
    print(
        f"{len(now) - len(wrong) - len(other)} files as recorded, {len(wrong)} not, {len(other)} of"
        " platforms or indexes not recorded"
    )
    return int(bool(wrong or loose))


if __name__ == "__main__":
    sys.exit(main())
