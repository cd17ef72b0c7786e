"""Labels as LaTeX: what a person would type between the dollars, and nothing that a model could smuggle in."""

from __future__ import annotations

import re

from ncd.text import FONTS, parts

_SIGNS = {
    "×": r"\times ", "−": "-", "·": r"\cdot ", "÷": r"\div ", "½": r"\frac{1}{2}",
    "¼": r"\frac{1}{4}", "¾": r"\frac{3}{4}",
    "∨": r"\vee ", "∧": r"\wedge ", "¬": r"\neg ", "…": r"\dots ", "≥": r"\ge ", "≤": r"\le ", "≠": r"\ne ",
    "Σ": r"\Sigma ", "Π": r"\Pi ", "σ": r"\sigma ", "λ": r"\lambda ", "★": r"\star ", "⋆": r"\star ", "∗": r"\ast ",
    "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⊤": r"\top ", "⊕": r"\oplus ", "√": r"\surd ", "∞": r"\infty ",
    "→": r"\to ", "↑": r"\uparrow ", "↓": r"\downarrow ", "←": r"\gets ", "↯": r"\not\to ", "‖": r"\Vert ",
    "∼": r"\sim ", "⌈": r"\lceil ", "⌉": r"\rceil ",
    "′": r"'", "″": r"''", "α": r"\alpha ", "β": r"\beta ", "γ": r"\gamma ", "ε": r"\varepsilon ", "μ": r"\mu ",
}  # fmt: skip
"""Signs that ncd writes in labels, in mathematics."""

_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%",
    "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': "''", "-": "-{}", "'": "'{}", "`": "`{}",
}  # fmt: skip
_PIECES = re.compile(r"[^\W\d_]+|[0-9.]+|\s+|.", re.DOTALL)

_TIGHT = re.compile("[=,:<>]")
"""Signs that TeX sets with more space around them than a label has."""

SIGN = r'\providecommand\ncdsign[1]{\ifdefined\Umathcode\char"#1\relax\else{\ttfamily U+#1}\fi}'
"""Characters of other scripts: as they are where the engine knows them, by their number in pdfLaTeX."""


def label(text: str, role: str) -> str:
    """A label of a role as LaTeX text; mathematics where the role is set as mathematics."""
    font = FONTS[role]
    if not font.marked:
        return _words(text)
    out, empty = "", True
    for level, piece in parts(text):
        bold = (font.script if level else font.face) == "serif-bold"
        inner = _mathematics(piece, r"\mathbf" if bold else "", r"\mathrm" if level or font.words else r"\mathit")
        if level == 0:
            out += inner
        else:
            out += ("{}" if empty else "") + ("_" if level < 0 else "^") + "{" + inner + "}"
        empty = False
    return f"${out}$" if out else ""


def _words(text: str) -> str:
    return "".join(_SPECIAL.get(c) or _plain(c) for c in text)


def _plain(c: str) -> str:
    if c in _SIGNS:
        return f"${_SIGNS[c].strip()}$"
    if " " <= c <= "~":
        return c
    return " " if c.isspace() else rf"\ncdsign{{{ord(c):04X}}}"


def _mathematics(text: str, face: str, word: str) -> str:
    """A piece of a formula; ``face`` is how all of it is set, or else ``word`` how letters are that stand together."""
    out = ""
    for piece in _PIECES.findall(text):
        if piece.isascii() and piece.isalpha():
            own = face or (word if len(piece) > 1 else "")
            out += f"{own}{{{piece}}}" if own else piece
        elif piece.isspace():
            out += r"\ "
        elif all(c in "0123456789.()[]+=/,;:!?*<>'|-" for c in piece):
            out += f"{face}{{{piece}}}" if face and piece.isdecimal() else _TIGHT.sub(r"{\g<0>}", piece)
        else:
            signs = "".join(_SIGNS.get(c) or rf"\mbox{{{_words(c)}}}" for c in piece)
            out += f"{{{signs.strip()}}}" if out and piece == "×" else signs
    return out
