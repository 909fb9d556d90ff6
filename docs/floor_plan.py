"""Draw the import graph of each package: `python docs/floor_plan.py` writes docs/pictures.

A box is a module or a folder of modules, and an arrow an import. Every box stands below all boxes
that import it. Arrows that follow from others are left out. Each picture holds its graph as text,
so that a test can tell whether it is up to date.
"""

from __future__ import annotations

import ast
import io
import itertools
import re
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path as MplPath

ROOT = Path(__file__).parents[1]
PACKAGES = ("biograd", "hardware", "benchmarks")
PICTURES = Path(__file__).parent / "pictures"
INK, PAPER, FOLDER, ARROW = "#333333", "#FFFFFF", "#DCEAF4", "#8A8A8A"
HALF_WIDTH, HALF_HEIGHT = 0.44, 0.19  # of a box; floors and columns are 1 apart
BEND, BEND_WIDTH = "bend ", 0.3  # how the names of bends start
Graph = dict[str, set[str]]  # box -> the boxes it imports


def graph(package: str) -> Graph:
    """Return the boxes of a package and what each imports."""
    boxes: Graph = {}
    for file in sorted((ROOT / package).rglob("*.py")):
        parts = file.relative_to(ROOT).with_suffix("").parts
        if len(parts) == 2 and parts[1].startswith("__"):
            continue  # the package itself and `python -m` only hand on
        inside = boxes.setdefault(_box(parts), set())
        inside |= {_box(module) for module in _imports(file, parts) if len(module) > 1}
        inside.discard(_box(parts))
    return {box: {other for other in inside if other in boxes} for box, inside in boxes.items()}


def floors(boxes: Graph) -> dict[str, int]:
    """Return the floor of each box, 0 the lowest: as high as its importers allow.

    Raises: ValueError where boxes import each other in a circle.
    """
    depth: dict[str, int] = {}  # boxes on the longest way down from each
    while len(depth) < len(boxes):
        ready = [box for box in boxes if box not in depth and boxes[box] <= depth.keys()]
        if not ready:
            circle = ", ".join(sorted(boxes.keys() - depth.keys()))
            raise ValueError(f"these import each other in a circle: {circle}")
        for box in ready:
            depth[box] = 1 + max((depth[other] for other in boxes[box]), default=-1)
    placed: dict[str, int] = {}
    for box in sorted(boxes, key=depth.__getitem__, reverse=True):
        above = [placed[other] for other in placed if box in boxes[other]]
        placed[box] = min(above) - 1 if above else depth[box]
    return placed


def reduced(boxes: Graph) -> Graph:
    """Return the graph without the arrows that follow from others."""

    def below(box: str) -> set[str]:
        return boxes[box].union(*(below(other) for other in boxes[box]))

    return {
        box: others - set().union(*(below(other) for other in others))
        for box, others in boxes.items()
    }


def text(boxes: Graph) -> str:
    """Return the graph in words, a line per box."""
    return "\n".join(
        f"{box} imports {', '.join(sorted(others)) or 'nothing'}" for box, others in boxes.items()
    )


def draw(package: str, boxes: Graph) -> Figure:
    """Return the picture of a package."""
    rows, ways = _rows(boxes)
    places = _places(rows)
    width = max(x for x, _ in places.values())
    figure = Figure(figsize=(1.25 * (width + 1), 0.8 * len(rows)))
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(-0.5, width + 0.5), ylim=(-0.4, len(rows) - 0.6))
    ax.axis("off")
    for way in ways:
        sides = (HALF_HEIGHT, -HALF_HEIGHT)  # an arrow passes each floor upright
        points = [(x, y + side) for x, y in map(places.__getitem__, way) for side in sides][1:-1]
        line = FancyArrowPatch(
            path=MplPath(points), arrowstyle="-|>", mutation_scale=7, color=ARROW, linewidth=0.8
        )
        ax.add_patch(line)
    for box in boxes:
        (x, y), folder = places[box], (ROOT / package / box).is_dir()
        shape = FancyBboxPatch(
            (x - HALF_WIDTH, y - HALF_HEIGHT),
            2 * HALF_WIDTH,
            2 * HALF_HEIGHT,
            boxstyle="round,pad=0,rounding_size=0.06",
            facecolor=FOLDER if folder else PAPER,
            edgecolor=INK,
            linewidth=0.9,
        )
        ax.add_patch(shape)
        label = f"{box}/" if folder else box
        ax.text(x, y, label, ha="center", va="center", color=INK, fontsize=9)
    return figure


def described(svg: str) -> str:
    """Return the graph that a picture shows, in words."""
    description = re.search(r"<dc:description>(.*?)</dc:description>", svg, re.DOTALL)
    return description[1] if description else ""


def main() -> None:
    """Write the pictures of all packages."""
    PICTURES.mkdir(exist_ok=True)
    for package in PACKAGES:
        boxes, buffer = graph(package), io.StringIO()
        with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "biograd"}):
            draw(package, boxes).savefig(
                buffer, format="svg", metadata={"Date": None, "Description": text(boxes)}
            )
        lines = (line.rstrip() for line in buffer.getvalue().splitlines())
        (PICTURES / f"{package}.svg").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _box(module: tuple[str, ...]) -> str:
    return module[1]


def _imports(file: Path, parts: tuple[str, ...]) -> set[tuple[str, ...]]:
    """Return the modules of the same package that a file imports, inside functions too."""
    package = parts[:-1]
    modules = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            start = package[: len(package) - node.level + 1]
            base = (*start, *(node.module or "").split(".")) if node.module else start
            modules |= {(*base, alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules |= {(*node.module.split("."), alias.name) for alias in node.names}
        elif isinstance(node, ast.Import):
            modules |= {tuple(alias.name.split(".")) for alias in node.names}
    return {module for module in modules if module[0] == parts[0]}


def _rows(boxes: Graph) -> tuple[list[list[str]], list[list[str]]]:
    """Order the boxes of each floor so that few arrows cross.

    Returns: the points of each floor, left to right: boxes, and bends of arrows that pass the
    floor; and the points of each arrow, from top to bottom.
    """
    placed = floors(boxes)
    rows: list[list[str]] = [[] for _ in range(1 + max(placed.values()))]
    for box in boxes:
        rows[placed[box]].append(box)
    ways = []
    for box, others in reduced(boxes).items():
        for other in sorted(others):
            way = [box]
            for floor in range(placed[box] - 1, placed[other], -1):
                way.append(f"{BEND}{box} {other} {floor}")
                rows[floor].append(way[-1])
            ways.append([*way, other])
    beside: dict[str, list[str]] = {point: [] for row in rows for point in row}
    for way in ways:
        for upper, lower in itertools.pairwise(way):
            beside[upper].append(lower)
            beside[lower].append(upper)
    orders = []
    for floor in [*range(len(rows)), *reversed(range(len(rows)))] * 12:
        places = _places(rows)

        def middle(point: str) -> float:
            inside = [places[other][0] for other in beside[point]]  # noqa: B023
            return sum(inside) / len(inside) if inside else places[point][0]  # noqa: B023

        rows[floor].sort(key=middle)
        orders.append((_length(_places(rows), ways), [list(row) for row in rows]))
    return min(orders, key=lambda order: order[0])[1], ways


def _length(places: dict[str, tuple[float, float]], ways: list[list[str]]) -> float:
    """Return how far all arrows go to the side, squared: few go far where few cross."""
    pairs = (pair for way in ways for pair in itertools.pairwise(way))
    return sum((places[upper][0] - places[lower][0]) ** 2 for upper, lower in pairs)


def _places(rows: list[list[str]]) -> dict[str, tuple[float, float]]:
    """Return the middle of each point; rows are centred, bends take less width than boxes."""
    widths = [[BEND_WIDTH if point.startswith(BEND) else 1.0 for point in row] for row in rows]
    widest = max(map(sum, widths))
    places = {}
    for floor, (row, each) in enumerate(zip(rows, widths, strict=True)):
        left = (widest - sum(each)) / 2 - 0.5
        for point, width in zip(row, each, strict=True):
            places[point] = (left + width / 2, float(floor))
            left += width
    return places


if __name__ == "__main__":
    main()
