"""Scene -> PNG, at any scale."""

from __future__ import annotations

from functools import cache

from ncd.errors import NCDError, missing_extra
from ncd.layout.scene import Scene
from ncd.render import svg


def render(scene: Scene, theme: str = "light", scale: float = 2.0) -> bytes:
    """The figure as PNG, ``scale`` pixels to one px of the figure.

    Raises NCDError if resvg is not installed, or if there is no font: it has none of its own.
    """
    try:
        from resvg_py import svg_to_bytes
    except ImportError:
        raise missing_extra("resvg", "png", "writing a PNG") from None
    if not _letters():
        raise NCDError(
            "there is no font to set labels in",
            doing="writing a PNG",
            fix="install Times and Arial, or the Liberation fonts; PDF is possible without",
        )
    w, h = (max(1, round(x * scale)) for x in (scene.width, scene.height))
    return bytes(svg_to_bytes(svg_string=svg.render(scene, theme), width=w, height=h))


@cache
def _letters() -> bool:
    """Whether resvg finds a font: it leaves text out without a word."""
    from resvg_py import svg_to_bytes

    page = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><text y="15" font-family="{}">x</text></svg>'
    return all(
        svg_to_bytes(svg_string=page.format(f)) != svg_to_bytes(svg_string=page.format(f).replace("x</", "</"))
        for f in ("serif", "sans-serif")
    )
