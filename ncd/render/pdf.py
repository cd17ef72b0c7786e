"""Scene -> PDF: one vector page of the figure's size, with text that can be selected and searched."""

from __future__ import annotations

from ncd.errors import missing_extra
from ncd.layout.scene import Scene
from ncd.render import svg


def render(scene: Scene, theme: str = "light") -> bytes:
    """The figure as PDF, one px being 1/96 inch.

    Set in Times and Arial or what the system has for them; without any, in typst's own serif.
    Raises NCDError if typst is not installed.
    """
    try:
        import typst
    except ImportError:
        raise missing_extra("typst", "pdf", "writing a PDF") from None
    w, h = (f"{0.75 * x:.3f}pt" for x in (scene.width, scene.height))
    page = (
        f"#set document(title: {_string(scene.title)})\n#set page(width: {w}, height: {h}, margin: 0pt)\n"
        f'#image("figure.svg", width: {w}, height: {h}, alt: {_string(scene.description)})\n'
    )
    files = {"main": page.encode(), "figure.svg": svg.render(scene, theme).encode()}
    # The same bytes every time.  Its types know of no input in several files.
    out: bytes = typst.compile(files, timestamp=0)  # type: ignore[call-overload]
    return out


def _string(text: str) -> str:
    """A text as a literal of typst's."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    return '"' + plain.replace("\\", r"\\").replace('"', r"\"") + '"'
