"""Markdown that somebody wrote for a reader: as HTML that can do no harm, and as plain text.

Raw HTML and pictures are not let in, links only to where a reader may safely go.
"""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def _parser() -> Any:
    from markdown_it import MarkdownIt

    return MarkdownIt("js-default", {"html": False, "linkify": False}).disable("image")


def to_html(text: str) -> str:
    """The text as HTML; what looks like markup in it stands there as it was written."""
    return str(_parser().render(text))


def to_text(text: str) -> list[str]:
    """The paragraphs of the text without any marks but those of a list."""
    found, item = [], ""
    for token in _parser().parse(text):
        if token.type == "list_item_open":
            item = f"{token.info}. " if token.info else "• "
        elif token.type == "inline":
            words = [t.content if t.type in ("text", "code_inline") else " " for t in token.children if t.nesting == 0]
            found.append(item + " ".join("".join(words).split()))
            item = ""
        elif token.type in ("fence", "code_block"):
            found += token.content.rstrip("\n").split("\n")
    return found
