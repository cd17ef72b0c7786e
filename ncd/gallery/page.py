"""The page: every figure with what to see in it, links to its files, and the code it was traced from."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from html import escape
from importlib import import_module

from ncd.gallery.figures import Figure

KINDS = ("svg", "pdf", "png", "tex")
NIGHT = "-dark"
"""Ends the name of the picture that is shown to who prefers dark pages."""
NARROW = 1000
"""A figure that may be wider than this stands above its code, not beside it."""


def code(figure: Figure) -> str:
    """The source of what a figure shows."""
    found = []
    for name in figure.code:
        file, _, cls = name.partition(".")
        found.append(inspect.getsource(getattr(import_module(f"ncd.models.{file}"), cls)).rstrip())
    return "\n\n\n".join(found)


def index(shown: Mapping[str, Figure]) -> str:
    """The page of these figures."""
    contents = "\n".join(f'<a href="#{name}">{escape(f.title)}</a>' for name, f in shown.items())
    parts = "\n".join(_section(name, f) for name, f in shown.items())
    return _PAGE.replace("CONTENTS", contents).replace("PARTS", parts)


def _section(name: str, figure: Figure) -> str:
    links = " ".join(f'<a href="{name}.{kind}">{kind.upper()}</a>' for kind in KINDS)
    title, source = escape(figure.title), code(figure)
    listing = f"<pre><code>{_coloured(source)}</code></pre>" if source else ""
    width = figure.options.get("width", NARROW)
    kind = ' class="wide"' if width is None or width > NARROW else ""
    return f"""<section id="{name}"{kind}>
<h2>{title}</h2>
<p>{escape(figure.says)}</p>
<figure>
<a href="{name}.svg"><picture><source srcset="{name}{NIGHT}.svg" media="(prefers-color-scheme: dark)"><img
  src="{name}.svg" alt="{title}" loading="lazy"></picture></a>
<figcaption>{links}</figcaption>
</figure>
{listing}
</section>"""


def _coloured(source: str) -> str:
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    return highlight(source, PythonLexer(), HtmlFormatter(nowrap=True))


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>Neural circuit diagrams, from code</title>
<style>
:root { --ink: #111; --quiet: #5c5c5c; --paper: #fff; --plate: #f6f6f4; --line: #ddd; --link: #1346fe;
  --word: #7a3c8c; --name: #1f5673; --text: #2f6b3a }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --quiet: #a5a5a5; --paper: #17181b; --plate: #202226;
  --line: #3a3c40; --link: #8fb0ff; --word: #d6a5e8; --name: #8fd0f0; --text: #a2d8ab } }
body { font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0 auto;
  max-width: 1640px; padding: 2.5rem clamp(1rem, 4vw, 4rem) }
a { color: var(--link); text-decoration: none }
a:hover { text-decoration: underline }
h1 { font-size: 1.9rem; font-weight: 600; margin: 0 0 .4rem }
h2 { font-size: 1.25rem; font-weight: 600; margin: 0 }
header p, section > p { color: var(--quiet); margin: .2rem 0 1rem; max-width: 48rem }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; margin-bottom: 1rem }
section { display: grid; grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); gap: 0 2.5rem; padding: 2.2rem 0;
  border-top: 1px solid var(--line) }
section > h2, section > p { grid-column: 1 / -1 }
section.wide > * { grid-column: 1 / -1 }
figure { margin: 0 }
figure img { max-width: 100%; height: auto }
figcaption { display: flex; gap: 1rem; font-size: .85rem; margin-top: .5rem }
pre { font: 12.5px/1.45 ui-monospace, monospace; background: var(--plate); border-radius: 6px; padding: 1rem;
  margin: 0; max-height: 34rem; overflow: auto; align-self: start }
.wide pre { margin-top: 1.2rem; max-height: 22rem }
.k, .kn, .kc, .ow { color: var(--word) }
.nf, .nc, .nd { color: var(--name) }
.s1, .s2, .sd, .c1 { color: var(--text) }
@media (max-width: 900px) { section { grid-template-columns: minmax(0, 1fr); gap: 1rem } }
</style>
<header>
<h1>Neural circuit diagrams, from code</h1>
<p>The architectures that Abbott (TMLR 2024) draws by hand. Each of these pictures was traced from the plain PyTorch
module beside it; a click opens it alone.</p>
<nav>
CONTENTS
</nav>
</header>
PARTS
</html>
"""
