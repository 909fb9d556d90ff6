"""Links of a folder of HTML pages that lead nowhere: a page, a picture or a place within a page that is not there."""

from __future__ import annotations

import html.parser
import urllib.parse
from pathlib import Path


class _Page(html.parser.HTMLParser):
    """Where one page leads, and the places within it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[tuple[int, str]] = []  # line and address
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if value is None:
                continue
            if name == "id" or (tag == "a" and name == "name"):
                self.places.add(value)
            if name == "src" or (name in ("href", "xlink:href") and tag != "use"):
                self.links.append((self.getpos()[0], value))


def broken(site: Path) -> list[str]:
    """Each link of the pages under `site` that leads nowhere, as "page:line: address (reason)".

    Addresses on other machines are not asked. A link out of the folder is broken: the site must stand alone.
    """
    site = site.resolve()
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        for line, address in page.links:
            reason = _fault(address, path, pages, site)
            if reason:
                found.append(f"{path.relative_to(site)}:{line}: {address} ({reason})")
    return found


def _fault(address: str, path: Path, pages: dict[Path, _Page], site: Path) -> str | None:
    parts = urllib.parse.urlsplit(address)
    if parts.scheme in ("http", "https", "mailto", "data"):
        return None
    if parts.scheme or parts.netloc or parts.path.startswith("/"):
        return "neither a web address nor relative"
    target = (path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else path
    if not target.is_relative_to(site):
        return "outside the site"
    if not target.is_file():
        return "no such file"
    place = urllib.parse.unquote(parts.fragment)
    if place and target in pages and place not in pages[target].places:
        return "no such place on that page"
    return None
