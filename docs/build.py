"""Build the documentation: `python docs/build.py` writes docs/site. `make docs` does it after the set-up.

    index.html     what BioGrad is (the README), the tutorials, the modules
    tutorials/     each script of docs/tutorials, run, with what it printed and drew
    api/           every module, from its docstrings (pdoc)

A tutorial that fails, a module that cannot be documented and a link that leads nowhere are told, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import html
import importlib
import os
import re
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cells
import jinja2
import links
import markdown2
import pdoc
import pdoc.extract
import pdoc.render
import pygments
from cells import Cell
from markupsafe import Markup
from matplotlib.figure import Figure
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from benchmarks.report.page import inline

HERE = Path(__file__).parent
TUTORIALS = ("two_compartments", "why_sleep", "train_deploy_learn", "energy", "own_rule")  # in the order of reading
PACKAGES = ("biograd", "hardware", "benchmarks")
LEFT_OUT = ("hardware.loihi", "biograd.__main__", "hardware.__main__")  # Lava's folder imports what this Python has not
GENERATOR = "BioGrad docs/build.py"


def build(site: Path, *, tutorials: Sequence[Path] | None = None, api: bool = True, tell: Any = lambda text: None) -> list[str]:
    """Build everything into `site`, and return what is wrong with it: a line each.

    Args:
        tutorials: scripts, in the order of reading; those of docs/tutorials unless given.
        api: whether to write the pages of modules.
        tell: called with a line of progress; any: a function of text.
    Raises: ValueError where `site` is a folder of something else; cells.TutorialError where a tutorial fails.
    """
    if site.exists() and not _is_ours(site):
        raise ValueError(f"{site} exists and is no site of ours: remove it, or name another folder")
    paths = [HERE / "tutorials" / f"{name}.py" for name in TUTORIALS] if tutorials is None else list(tutorials)
    part = Path(tempfile.mkdtemp(prefix=".site-", dir=_made(site.parent)))
    try:
        problems = _write(part, paths, api, tell)
        shutil.rmtree(site, ignore_errors=True)
        part.replace(site)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return problems


def _write(site: Path, paths: list[Path], api: bool, tell: Any) -> list[str]:
    named = [(path, cells.title(cells.read(path))) for path in paths]
    for path, title in named:
        begun = time.perf_counter()
        shown, _ = cells.run(path)
        _page(site / "tutorials" / f"{path.stem}.html", title, tutorial_html(shown), named, up="../")
        tell(f"ran {path.name} in {time.perf_counter() - begun:.0f} s")
    problems = document(site / "api", _modules()) if api else []
    _page(site / "index.html", "BioGrad", _front(named, api), named, up="")
    shutil.copytree(HERE, site / "docs", ignore=lambda folder, found: [name for name in found if not name.endswith(".svg")])
    return problems + links.broken(site)


def tutorial_html(shown: Sequence[Cell]) -> Markup:
    """A tutorial as it ran."""
    parts = []
    for cell in shown:
        if cell.prose:
            parts.append(_markdown(cell.source))
            continue
        parts.append(pygments.highlight(cell.source.strip("\n"), PythonLexer(), HtmlFormatter(cssclass="code")))
        if cell.printed:
            parts.append(f'<pre class="printed">{html.escape(cell.printed.rstrip())}</pre>')
        if isinstance(cell.value, Figure):
            parts.append(f'<div class="figure">{inline(cell.value)}</div>')
        elif cell.value is not None:
            parts.append(f'<pre class="printed">{html.escape(repr(cell.value))}</pre>')
    return Markup("\n".join(parts))


def document(folder: Path, modules: Sequence[str]) -> list[str]:
    """Write a page for each module from its docstrings; returns what went wrong, a line each.

    Args:
        modules: as pdoc names them: a package stands for all that is in it, "!name" leaves one out.
    """
    pdoc.render.configure(docformat="google", template_directory=HERE / "templates", footer_text="BioGrad")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        missing = _unimportable(modules)
        pdoc.pdoc(*modules, *(f"!{name}" for name in missing), output_directory=folder)
    for page in folder.rglob("*.html"):  # pdoc links to private bases, and leaves them out
        text = page.read_text(encoding="utf-8")
        page.write_text(re.sub(r'<a href="[^"]*#_[^"]*">(.*?)</a>', r"\1", text), encoding="utf-8")
    told = [" ".join(str(warning.message).split()) for warning in caught if "pdoc" in Path(warning.filename).parts]
    # Types of a NamedTuple's fields are shown as they are written, where pdoc cannot look them up.
    quiet = ("type annotation", "Couldn't import")  # the second are in `missing`
    return [*missing.values(), *(f"api: {text}" for text in told if not any(words in text for words in quiet))]


def _unimportable(modules: Sequence[str]) -> dict[str, str]:
    """Modules that cannot be imported, and why, a line each: one of them would keep pdoc from the others."""
    found = {}
    for name in pdoc.extract.walk_specs(modules):
        try:
            importlib.import_module(name)
        except Exception as error:
            found[name] = f"api: {name} cannot be imported: {type(error).__name__}: {' '.join(str(error).split())}"
    return found


def _modules() -> list[str]:
    """What pdoc is asked for. It walks through a package by itself, but not where `__all__` names no modules: there each is named."""
    inside = [path.stem for path in sorted((HERE.parent / "biograd").iterdir()) if path.suffix == ".py" or (path / "__init__.py").is_file()]
    return [*PACKAGES, *(f"biograd.{name}" for name in inside if not name.startswith("_")), *(f"!{name}" for name in LEFT_OUT)]


def _front(named: Sequence[tuple[Path, str]], api: bool) -> Markup:
    readme = (HERE.parent / "README.md").read_text(encoding="utf-8")
    heading, rest = readme.split("\n", 1)
    card = '<li><a href="{}">{}</a><span>{}</span></li>'
    lessons = [card.format(f"tutorials/{path.stem}.html", html.escape(title), _first_words(path)) for path, title in named]
    modules = [card.format(f"api/{package}.html", package, what) for package, what in _PACKAGES_ARE.items()]
    lists = f'<h2>Tutorials</h2><ul class="cards">{"".join(lessons)}</ul>'
    lists += f'<h2>Modules</h2><ul class="cards">{"".join(modules)}</ul>' if api else ""
    rest = re.sub(r"\n## Tutorials\n.*?(?=\n## )", "", rest, flags=re.DOTALL)  # the cards stand in its place
    intro, rest = rest.split("\n## ", 1)
    return Markup(_markdown(f"{heading}\n{intro}") + lists + _markdown(f"## {rest}"))


_PACKAGES_ARE = {
    "biograd": "The simulator: neurons, traces, errors, feedback, rules, sleep, training",
    "hardware": "The chip side: integers, limits, emulator, learning in microcode, joules",
    "benchmarks": "Measuring and telling: suites, baselines, pictures, the report",
}


def _first_words(path: Path) -> str:
    """The first sentence after the heading."""
    paragraph = re.sub(r"^#.*$|[*`]", "", cells.read(path)[0].source, flags=re.MULTILINE).strip().split("\n\n", 1)[0]
    return html.escape(re.split(r"(?<=[.?!])\s", " ".join(paragraph.split()), maxsplit=1)[0].replace(":", "."))


def _page(path: Path, title: str, body: Markup, named: Sequence[tuple[Path, str]], *, up: str) -> None:
    here = path.name if up else ""
    entries = [{"href": f"{up}index.html", "name": "BioGrad", "here": not up}]
    entries += [{"href": f"{up}tutorials/{p.stem}.html", "name": name, "here": here == f"{p.stem}.html"} for p, name in named]
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(
        (HERE / "templates" / "page.html.j2").read_text(encoding="utf-8")
    )
    style = Markup(HtmlFormatter(cssclass="code").get_style_defs(".code"))
    _made(path.parent)
    path.write_text(template.render(title=title, body=body, entries=entries, highlighting=style, generator=GENERATOR), encoding="utf-8")


def _markdown(text: str) -> str:
    found = markdown2.markdown(text, extras=["tables", "fenced-code-blocks", "header-ids", "code-friendly", "cuddled-lists"])
    return re.sub(r"<table>(.*?)</table>", r'<div class="scroll"><table>\1</table></div>', str(found), flags=re.DOTALL)


def _is_ours(site: Path) -> bool:
    index = site / "index.html"
    return index.is_file() and GENERATOR in index.read_text(encoding="utf-8", errors="replace")


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, and say what is wrong; 0 nothing, 1 something, 2 not built."""
    parser = argparse.ArgumentParser(description="Build BioGrad's documentation.")
    parser.add_argument("--out", type=Path, default=HERE / "site", help="folder to write (docs/site)")
    args = parser.parse_args(arguments)
    try:
        problems = build(args.out, tell=print)
    except (ValueError, OSError, cells.TutorialError) as error:
        print(f"docs: {error}", file=sys.stderr)
        return 2
    for problem in problems:
        print(f"docs: {problem}", file=sys.stderr)
    print(f"wrote {args.out / 'index.html'}, {sum(1 for _ in args.out.rglob('*.html'))} pages, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    os.environ.setdefault("MPLBACKEND", "agg")
    raise SystemExit(main())
