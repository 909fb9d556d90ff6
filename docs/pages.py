"""Pages of modules, and links between pages and files of the repository; needs no mkdocs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("biograd", "hardware", "benchmarks")
COPIES = {
    "index.md": "README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
}


def to_pages(markdown: str, page: str) -> str:
    """Return the text of a page whose links to repository files lead to their pages.

    Links of the README, CONTRIBUTING and CHANGELOG start at the root, those of other pages at
    their own folder below docs/.
    """
    folder = ROOT if page in COPIES else (ROOT / "docs" / page).parent
    up = "../" * page.count("/")

    def replaced(link: re.Match[str]) -> str:
        words, target, anchor = link[1], link[2], link[3] or ""
        path = (folder / target).resolve()
        name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else target
        copies = {source: copy for copy, source in COPIES.items()}
        if name in copies:
            return f"[{words}]({up}{copies[name]}{anchor})"
        if name.startswith("docs/"):
            return f"[{words}]({up}{name.removeprefix('docs/').replace('.py', '.md')}{anchor})"
        if name.startswith(PACKAGES) and path.exists():
            return f"[{words}]({up}{page_of(path)}{anchor})"
        return words if path.is_file() else link[0]  # a file without a page, such as CITATION.cff

    return re.sub(r"\[([^\[\]]+)\]\((?!\w+:)([\w./-]+)(#[\w-]+)?\)", replaced, markdown)


def modules(folder: Path) -> list[Path]:
    """Return all modules of a folder and below: packages as their folder, in order of reading."""
    inside = []
    for path in sorted(folder.iterdir(), key=lambda path: (path.is_dir(), path.name)):
        if path.is_dir() and (path / "__init__.py").is_file():
            inside += modules(path)
        elif path.suffix == ".py" and not path.name.startswith("_"):
            inside.append(path)
    return [folder, *inside]


def page_of(module: Path) -> str:
    """Return the page of a module."""
    name = module.relative_to(ROOT).as_posix()
    return f"api/{name}/index.md" if module.is_dir() else f"api/{name.removesuffix('.py')}.md"


def module_page(module: Path) -> str:
    """Return the Markdown of a module's page; mkdocstrings fills in what `:::` names."""
    name = ".".join(module.relative_to(ROOT).with_suffix("").parts)
    if module.is_file():
        return f"# {name}\n\n::: {name}\n"
    own_folder = Path(page_of(module)).parent
    rows = [
        f"| [{inner.stem}]({Path(page_of(inner)).relative_to(own_folder)}) | {summary(inner)} |"
        for inner in modules(module)[1:]
        if inner.parent == module
    ]
    text = f"# {name}\n\n::: {name}\n    options:\n      members: false\n\n"
    if rows:
        text += "## Modules\n\n| module | content |\n|---|---|\n" + "\n".join(rows) + "\n"
    if public := exports(module / "__init__.py"):
        text += "\n## Public names\n\n| name | module |\n|---|---|\n"
        text += "\n".join(
            f"| [`{name}`][{module}.{name}] | `{module}` |" for name, module in public.items()
        )
    return text


def summary(module: Path) -> str:
    """Return the first paragraph of a module's docstring, in one line."""
    file = module / "__init__.py" if module.is_dir() else module
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return " ".join(docstring.split("\n\n")[0].split()).replace("|", "\\|")


def exports(file: Path) -> dict[str, str]:
    """Return the names that a package re-exports, each with the module that defines it."""
    package = ".".join(file.parent.relative_to(ROOT).parts)
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {
        alias.name: f"{package}.{node.module}"
        for node in _with_imports_for_type_checkers(tree)
        if isinstance(node, ast.ImportFrom) and node.level == 1
        for alias in node.names
    }


def _with_imports_for_type_checkers(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield the statements of a module, and those below `if TYPE_CHECKING`."""
    for node in tree.body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from node.body
        else:
            yield node


def index() -> str:
    """Return the Markdown of the page that lists the packages."""
    rows = [
        f"| [{package}]({package}/index.md) | {summary(ROOT / package)} |" for package in PACKAGES
    ]
    return "# Modules\n\n| package | content |\n|---|---|\n" + "\n".join(rows) + "\n"
