"""Compare the page's JavaScript with the emulator: the same images through both, every spike of
every layer.

`in_node` runs the scripts that compute (`network.js` and others) alone, in Node.js; `in_browser`
opens the whole page and uses the scripts in it.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hardware.border.model import RunResult

from .html import NETWORK, source

# Encodes and runs images; returns counts, every spike of every layer as bits, and milliseconds per
# sample: the median and the largest.
_RUN_ALL = """
function runAll(net, base64) {
  const pixels = BioGrad.bytesOf(base64), size = net.layers[0].inputs;
  const counts = [], spikes = net.layers.map(() => []), ms = [];
  for (let i = 0; i < pixels.length; i += size) {
    const start = performance.now();
    const result = BioGrad.run(net, BioGrad.encode(net, pixels.subarray(i, i + size)));
    ms.push(performance.now() - start);
    counts.push(Array.from(result.counts));
    result.layers.forEach((layer, k) => {
      const bits = new Uint8Array(Math.ceil(layer.s.length / 8));
      layer.s.forEach((s, j) => { bits[j >> 3] |= s << (7 - (j & 7)); });
      spikes[k].push(btoa(String.fromCharCode(...bits)));
    });
  }
  ms.sort((a, b) => a - b);
  return { counts, spikes, ms: [ms[ms.length >> 1], ms[ms.length - 1]] };
}
"""
# Runs a function body after the page's own scripts, and writes its result into the page.
_PROBE = """<script>
  (() => {
    const write = (outcome) => {
      const pre = document.createElement("pre");
      pre.id = "outcome";
      pre.textContent = JSON.stringify(outcome);
      document.body.append(pre);
    };
    try { write({ value: (() => { BODY })() }); } catch (error) { write({ error: String(error) }); }
  })();
</script></body>"""
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
DEADLINE = 300  # seconds


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Results of the JavaScript."""

    counts: np.ndarray  # int64 [B, classes]
    spikes: tuple[np.ndarray, ...]  # of each layer, uint8 [T, B, N]
    milliseconds: tuple[float, float]  # per answer: the median, and the largest


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Differences between the page and the emulator."""

    samples: int
    answers_differ: int  # samples
    counts_differ: int  # samples
    spikes_differ: int  # neuron x step, of all layers and samples
    milliseconds: tuple[float, float]


def compare(answers: Answers, emulated: RunResult) -> Comparison:
    """Count the differences on the emulator's first samples, whose spikes it must have recorded."""
    assert emulated.s is not None
    samples = len(answers.counts)
    differ = answers.counts != emulated.counts[:samples]
    spikes_differ = 0
    for page_spikes, emulated_spikes in zip(answers.spikes, emulated.s, strict=True):
        spikes_differ += int((page_spikes != emulated_spikes[:, :samples]).sum())
    return Comparison(
        samples=samples,
        answers_differ=int((answers.counts.argmax(axis=1) != emulated.predictions[:samples]).sum()),
        counts_differ=int(differ.any(axis=1).sum()),
        spikes_differ=spikes_differ,
        milliseconds=answers.milliseconds,
    )


def has_node() -> bool:
    """Return True where Node.js is installed, which `in_node` needs."""
    return shutil.which("node") is not None


def browser() -> str | None:
    """Return the program that `in_browser` starts, or None where there is none."""
    paths = (shutil.which(name) for name in _BROWSERS)
    return next((path for path in paths if path), None)


def in_node(net: dict[str, Any], images: np.ndarray) -> Answers:  # any: JSON
    """Run images through the computing scripts in Node.js.

    Args:
        net: of `html.network`.
        images: uint8 [B, 28, 28], or [B, inputs].
    Raises: ValueError where there is no node, or it fails.
    """
    body = f"{_RUN_ALL} return runAll(BioGrad.decode(given.net), given.images);"
    return _answers(net, node(body, {"net": net, "images": _base64(images)}))


def node(body: str, given: Any) -> Any:  # any: JSON in, JSON out
    """Run a function body in Node.js; it sees `BioGrad` and `given`, and returns JSON.

    Raises: ValueError where there is no node, or it fails.
    """
    if not has_node():
        raise ValueError(
            "there is no 'node' on this machine: install Node.js, or check the page in a browser"
        )
    script = "\n".join(
        (
            source(*NETWORK),
            "const given = JSON.parse(require('fs').readFileSync(0, 'utf8'));",
            f"process.stdout.write(JSON.stringify((() => {{ {body} }})()));",
        )
    )
    process = subprocess.run(
        ["node", "-e", script],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    if process.returncode:
        lines = process.stderr.strip().splitlines() or [str(process.returncode)]
        raise ValueError(f"node failed: {lines[-1]}")
    return json.loads(process.stdout)


def in_browser(page: str, net: dict[str, Any], images: np.ndarray) -> Answers:  # any: JSON
    """Run images through the whole page in a headless Chromium.

    Args: as `in_node`; page: the HTML of `html.render`.
    Raises: ValueError where there is no browser, or the page's scripts fail in it.
    """
    body = f"{_RUN_ALL} return runAll(net, {json.dumps(_base64(images))});"
    return _answers(net, open_page(page, body))


def open_page(page: str, body: str) -> Any:  # any: JSON
    """Open a page in a headless Chromium, run a function body after its scripts, return its JSON.

    Raises: ValueError where there is no browser, or a script fails.
    """
    program = browser()
    if program is None:
        raise ValueError(
            "there is no Chromium or Chrome on this machine: install one, or check with node"
        )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.html"
        file.write_text(page.replace("</body>", _PROBE.replace("BODY", body)), encoding="utf-8")
        profile = f"--user-data-dir={folder}/profile"
        process = subprocess.run(
            [program, *_FLAGS, profile, "--dump-dom", file.as_uri()],
            capture_output=True,
            text=True,
            timeout=DEADLINE,
        )
    written = re.search(r'<pre id="outcome">(.*?)</pre>', process.stdout, re.DOTALL)
    if written is None:
        raise ValueError(f"the page gave no result: {process.stderr.strip()[-300:]}")
    text = written.group(1).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    outcome = json.loads(text)
    if "error" in outcome:
        raise ValueError(f"the page's script failed: {outcome['error']}")
    return outcome["value"]


def _answers(net: dict[str, Any], outcome: dict[str, Any]) -> Answers:  # any: JSON
    spikes = []
    for layer, samples in zip(net["layers"], outcome["spikes"], strict=True):
        shape = (net["steps"], layer["neurons"])
        bits = [np.frombuffer(base64.b64decode(sample), np.uint8) for sample in samples]
        s = [np.unpackbits(sample, count=shape[0] * shape[1]) for sample in bits]
        spikes.append(np.stack(s).reshape(-1, *shape).transpose(1, 0, 2))
    median, largest = outcome["ms"]
    return Answers(
        counts=np.array(outcome["counts"]),
        spikes=tuple(spikes),
        milliseconds=(median, largest),
    )


def _base64(images: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(images, dtype=np.uint8).tobytes()).decode()
