"""Links that lead nowhere are found, each with its page and line; the others are left in peace."""

from __future__ import annotations

import links


def test_broken_links_are_found_and_whole_ones_are_not(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "picture.svg").write_text("<svg/>")
    (tmp_path / "a" / "b.html").write_text('<h2 id="here">x</h2><a href="../index.html#top">up</a><a href="#here">x</a>')
    page = """<p id="top"><a href="a/b.html#here">fine</a> <a href="https://example.org/x#y">elsewhere</a> <a href="mailto:a@b.c">m</a>
    <img src="picture.svg"> <img src="data:image/png;base64,AA"> <a href="a%2Fb.html">quoted</a> <a href="">self</a>
    <a href="a/c.html">gone</a>
    <a href="a/b.html#there">no place</a>
    <img src="photo.png">
    <a href="../secret.html">out</a> <a href="/etc/passwd">absolute</a> <a href="file:///x">file</a>"""
    (tmp_path / "index.html").write_text(page)
    assert links.broken(tmp_path) == [
        "index.html:3: a/c.html (no such file)",
        "index.html:4: a/b.html#there (no such place on that page)",
        "index.html:5: photo.png (no such file)",
        "index.html:6: ../secret.html (outside the site)",
        "index.html:6: /etc/passwd (neither a web address nor relative)",
        "index.html:6: file:///x (neither a web address nor relative)",
    ]


def test_a_folder_without_pages_has_no_broken_links(tmp_path):
    assert links.broken(tmp_path) == []
