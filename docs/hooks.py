"""Pages that mkdocs takes from elsewhere: README, guides, executed tutorials, one per module.

mkdocs calls the functions named `on_...`; see `hooks` in mkdocs.yml.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import pages
import percent
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

FIGURE = re.compile(r"(?<=\d) (?=[%±])|(?<=±) ")  # spaces within 98.58 ± 0.06 %


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Append the pages of all modules to the navigation."""
    packages = [{package: _nav(pages.ROOT / package)} for package in pages.PACKAGES]
    config.nav = [*(config.nav or []), {"Modules": ["api/index.md", *packages]}]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add all generated pages."""
    content = {
        page: (pages.ROOT / source).read_text(encoding="utf-8")
        for page, source in pages.COPIES.items()
    }
    content["index.md"] = f"---\nhide: [navigation]\n---\n{content['index.md']}"
    for path in sorted((pages.ROOT / "docs" / "tutorials").glob("*.py")):
        content |= _tutorial(path, path.stat().st_mtime_ns)
    content["api/index.md"] = pages.index()
    for package in pages.PACKAGES:
        for module in pages.modules(pages.ROOT / package):
            content[pages.page_of(module)] = pages.module_page(module)
    for name, text in content.items():
        files.append(File.generated(config, name, content=text))
    return files


# any: mkdocs' page, and more arguments of its own
def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Point links to files of the repository at their pages; keep figures of tables in one line."""
    text = pages.to_pages(markdown, page.file.src_uri)
    return re.sub(r"^\|.*", lambda row: FIGURE.sub("\N{NO-BREAK SPACE}", row[0]), text, flags=re.M)


def _nav(folder: Path) -> list[Any]:  # any: mkdocs' nested lists
    """Return the navigation of a package: its own page, its modules, its folders."""
    entries: list[Any] = [pages.page_of(folder)]  # any: as above
    for module in pages.modules(folder)[1:]:
        if module.parent == folder:
            inner = _nav(module) if module.is_dir() else pages.page_of(module)
            entries.append({module.stem: inner})
    return entries


@functools.cache  # `mkdocs serve` asks again after every change of any page
def _tutorial(path: Path, changed: int) -> dict[str, str]:
    cells, _ = percent.run(path)
    text, figures = percent.markdown(cells, f"{path.stem}-{{}}.svg")
    script = f'Download this tutorial as a <a href="{path.name}" download>script</a>.\n'
    pictures = {f"tutorials/{name}": figure for name, figure in figures.items()}
    return {f"tutorials/{path.stem}.md": f"{text}\n{script}"} | pictures
