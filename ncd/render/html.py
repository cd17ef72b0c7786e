"""A figure as a page that needs nothing else: no network, no kernel; without scripts it is a picture."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

_STATIC = Path(__file__).parent.parent / "static"

_PAGE_STYLE = """
:root{color-scheme:light dark}
body{margin:16px;background:#fff;color:#111}
@media (prefers-color-scheme:dark){body{background:#17181b;color:#e6e6e6}}
#ncd-figure>svg{max-width:100%;height:auto}
"""


def page(title: str, svg: str, document: Mapping[str, Any]) -> str:
    """The page: the SVG in place, ``document`` as data beside it, and the script that joins the two.

    Nothing but this very script may run, and nothing may be loaded: the page's policy says so.
    """
    script = _inside_script((_STATIC / "page.js").read_text("utf-8"))
    style = _PAGE_STYLE + (_STATIC / "widget.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'"
    policy += "; img-src data:"  # an image of a wire's values, and the picture itself on its way to a PNG
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f'<div id="ncd-figure">{svg}</div>\n'
        f'<script type="application/json" id="ncd-document">{_data(document, svg)}</script>\n'
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def _data(document: Mapping[str, Any], svg: str) -> str:
    """The document without the figure that the page shows anyway, and without anything HTML would act on."""
    scenes = [{k: v for k, v in s.items() if k != "svg" or v != svg} for s in document.get("scenes", ())]
    text = json.dumps({**document, "scenes": scenes}, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return text.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e")


def _inside_script(code: str) -> str:
    """Code whose strings cannot end the element that holds it; the same code to a JavaScript engine."""
    return re.sub("</(?=script)", r"<\\/", code, flags=re.IGNORECASE).replace("<!--", r"<\!--")
