"""The exported page: complete in itself, safe, and still a picture without scripts."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from ncd.layout.scene import Ids, Path, Scene, Text
from ncd.render import html
from ncd.render.svg import render

EVIL = "</script><script>alert(1)</script><!--<img src=x onerror=alert(1)>"


class Parts(HTMLParser):
    """Start tags with their attributes, and the text of each script."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self.cdata_elem == "script":
            self.scripts[-1] += data


def example(words="x"):
    wire = Path("wire", (("M", (0, 5)), ("L", (9, 5))), Ids(axis=0, block=words))
    scene = Scene(20, 10, words, words, (wire, Text("title", 0, 9, words)))
    svg = render(scene)
    document = {"ncd": 1, "scenes": [{"svg": svg, "facts": {"axis": {"0": {"name": words}}}}, {"svg": "other"}]}
    return html.page(words, svg, document), svg, document


def test_the_picture_is_in_the_page_as_it_is():
    page, svg, _ = example()
    assert f'<div id="ncd-figure">{svg}</div>' in page
    assert page.startswith("<!DOCTYPE html>")


def test_the_document_is_in_the_page_without_the_picture_twice():
    page, _, document = example()
    read = json.loads(Parts(page).scripts[0])
    assert page.count("<svg xmlns") == 1
    assert read == document | {"scenes": [{"facts": document["scenes"][0]["facts"]}, {"svg": "other"}]}


@pytest.mark.parametrize("words", [EVIL, "</title><b>", "\u2028\u2029", '" onload="x', "&lt;/script&gt;"])
def test_hostile_words_stay_words(words):
    page, _, document = example(words)
    parts = Parts(page)
    harmless = Parts(example()[0])
    assert [t for t, _ in parts.tags] == [t for t, _ in harmless.tags]
    assert [sorted(a) for _, a in parts.tags] == [sorted(a) for _, a in harmless.tags]
    assert json.loads(parts.scripts[0])["scenes"][0]["facts"] == document["scenes"][0]["facts"]
    assert not set("<>&") & set(parts.scripts[0])


def test_nothing_is_loaded_and_only_the_own_script_runs():
    page, *_ = example()
    parts = Parts(page)
    policy = next(a["content"] for t, a in parts.tags if t == "meta" and "content" in a and "default" in a["content"])
    assert "default-src 'none'" in policy
    (allowed,) = re.findall(r"script-src 'sha256-([^']*)'", policy)
    assert base64.b64encode(hashlib.sha256(parts.scripts[1].encode()).digest()).decode() == allowed
    assert not any(a.get("src") or a.get("href") for _, a in parts.tags)
    assert "http" not in re.sub(r"http://www\.w3\.org/2000/svg|http-equiv", "", page)


def test_a_script_cannot_end_its_element(tmp_path, monkeypatch):
    (tmp_path / "page.js").write_text('let a="</script>",b="</SCRIPT>",c="<!--",d=1</1/.x;')
    (tmp_path / "widget.css").write_text("")
    monkeypatch.setattr(html, "_STATIC", tmp_path)
    page, *_ = example()
    assert Parts(page).scripts[1] == r'let a="<\/script>",b="<\/SCRIPT>",c="<\!--",d=1</1/.x;'
