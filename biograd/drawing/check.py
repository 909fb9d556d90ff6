"""Is the page's JavaScript the emulator? The same images through both, every spike of every layer
compared.

`in_node` runs `draw_core.js` alone; `in_browser` opens the whole page and lets the script it
carries do the work.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from hardware.border.model import RunResult

# Encodes and runs images, and gives back what happened: counts, every spike of every layer as bits,
# milliseconds per sample.
_ANSWER_ALL = """
function answerAll(net, base64) {
  const pixels = BioGrad.bytesOf(base64), size = net.layers[0].inputs, counts = [], spikes = net.layers.map(() => []), ms = [];
  for (let i = 0; i < pixels.length; i += size) {
    const begun = performance.now();
    const done = BioGrad.run(net, BioGrad.encode(net, pixels.subarray(i, i + size)));
    ms.push(performance.now() - begun);
    counts.push(Array.from(done.counts));
    done.layers.forEach((layer, k) => {
      const bits = new Uint8Array(Math.ceil(layer.s.length / 8));
      layer.s.forEach((s, j) => { bits[j >> 3] |= s << (7 - (j & 7)); });
      spikes[k].push(btoa(String.fromCharCode(...bits)));
    });
  }
  ms.sort((a, b) => a - b);
  return { counts, spikes, ms: [ms[ms.length >> 1], ms[ms.length - 1]] };
}
"""
QUIET = (
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DEADLINE = 300  # seconds


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What the JavaScript answered."""

    counts: np.ndarray  # int64 [B, classes]
    spikes: tuple[np.ndarray, ...]  # of each layer, uint8 [T, B, N]
    milliseconds: tuple[float, float]  # of one answer: the median, and the slowest


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The page beside the emulator."""

    samples: int
    answers_differ: int  # samples
    counts_differ: int  # samples
    spikes_differ: int  # neuron x step, of all layers and samples
    milliseconds: tuple[float, float]


def compare(answers: Answers, emulated: RunResult) -> Comparison:
    """Count what differs on the samples that were answered, the emulator's first ones; it must have
    recorded its spikes.
    """
    assert emulated.s is not None
    samples = len(answers.counts)
    different = answers.counts != emulated.counts[:samples]
    return Comparison(
        samples=samples,
        answers_differ=int((answers.counts.argmax(axis=1) != emulated.predictions[:samples]).sum()),
        counts_differ=int(different.any(axis=1).sum()),
        spikes_differ=sum(
            int((ours != theirs[:, :samples]).sum())
            for ours, theirs in zip(answers.spikes, emulated.s, strict=True)
        ),
        milliseconds=answers.milliseconds,
    )


def has_node() -> bool:
    """Whether `in_node` can run here."""
    return shutil.which("node") is not None


def browser() -> str | None:
    """The program `in_browser` would start, or None."""
    return next(
        (
            found
            for name in ("chromium", "chromium-browser", "google-chrome", "chrome")
            if (found := shutil.which(name))
        ),
        None,
    )


def in_node(net: dict[str, Any], images: np.ndarray) -> Answers:  # any: JSON
    """The core alone, in Node.js.

    Args:
        net: of `draw.network`.
        images: uint8 [B, 28, 28], or [B, inputs].
    Raises: ValueError where there is no node, or it fails.
    """
    told = node(
        f"{_ANSWER_ALL} return answerAll(BioGrad.decode(given.net), given.images);",
        {"net": net, "images": _base64(images)},
    )
    return _answers(net, told)


def node(body: str, given: Any) -> Any:  # any: JSON in, JSON out
    """Run a function body in Node.js that sees `BioGrad` (draw_core.js) and `given`, and returns
    what JSON can hold.
    """
    core = json.dumps(str(files("biograd.drawing") / "draw_core.js"))
    script = (
        f"const BioGrad = require({core});\nconst given = JSON.parse(require('fs').readFileSync(0,"
        " 'utf8'));\n"
    )
    script += f"process.stdout.write(JSON.stringify((() => {{ {body} }})()));"
    if not has_node():
        raise ValueError(
            "there is no 'node' on this machine: install Node.js, or check the page in a browser"
        )
    done = subprocess.run(
        ["node", "-e", script],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    if done.returncode:
        raise ValueError(
            "node failed:"
            f" {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else done.returncode}"
        )
    return json.loads(done.stdout)


def in_browser(page: str, net: dict[str, Any], images: np.ndarray) -> Answers:  # any: JSON
    """The whole page in a headless Chromium.

    Args: as `in_node`; page: the HTML of `draw.render`.
    Raises: ValueError where there is no browser, or the page's scripts fail in it.
    """
    return _answers(
        net, open_page(page, f"{_ANSWER_ALL} return answerAll(net, {json.dumps(_base64(images))});")
    )


def open_page(page: str, body: str) -> Any:  # any: JSON
    """Open a page in a headless Chromium, run a function body after its own scripts (it sees what
    they define), return its JSON.
    """
    program = browser()
    if program is None:
        raise ValueError(
            "there is no Chromium or Chrome on this machine: install one, or check with node"
        )
    probe = """<script>
      (() => {
        const tell = (told) => { const out = document.createElement("pre"); out.id = "told"; out.textContent = JSON.stringify(told);
          document.body.append(out); };
        try { tell({ value: (() => { BODY })() }); } catch (error) { tell({ error: String(error) }); }
      })();
    </script></body>"""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.html"
        file.write_text(page.replace("</body>", probe.replace("BODY", body)), encoding="utf-8")
        command = [
            program,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            *QUIET,
            f"--user-data-dir={folder}/profile",
            "--dump-dom",
        ]
        done = subprocess.run(
            [*command, file.as_uri()], capture_output=True, text=True, timeout=DEADLINE
        )
    found = re.search(r'<pre id="told">(.*?)</pre>', done.stdout, re.DOTALL)
    if found is None:
        raise ValueError(f"the page told nothing: {done.stderr.strip()[-300:]}")
    told = json.loads(
        found.group(1).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    )
    if "error" in told:
        raise ValueError(f"the page's script failed: {told['error']}")
    return told["value"]


def _answers(net: dict[str, Any], told: dict[str, Any]) -> Answers:
    steps, spikes = net["steps"], []
    for layer, trains in zip(net["layers"], told["spikes"], strict=True):
        bits = [
            np.unpackbits(
                np.frombuffer(base64.b64decode(train), np.uint8), count=steps * layer["neurons"]
            )
            for train in trains
        ]
        spikes.append(np.stack(bits).reshape(-1, steps, layer["neurons"]).transpose(1, 0, 2))
    median, slowest = told["ms"]
    return Answers(
        counts=np.array(told["counts"]), spikes=tuple(spikes), milliseconds=(median, slowest)
    )


def _base64(images: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(images, dtype=np.uint8).tobytes()).decode()
