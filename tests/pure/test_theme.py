"""Themes: complete, legible, told apart by colour-blind readers; and which colour a block gets."""

import subprocess
import sys

import pytest

from ncd import NCDError
from ncd.text import FONTS
from ncd.theme import ROLES, THEMES, TONES, theme, tone

# Machado, Oliveira, Fernandes 2009, full severity, on linear RGB; and eyes with all three cones.
EYES = {
    "all cones": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "no green": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)),
    "no blue": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039)),
}
XYZ = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))


def linear(colour: str) -> list[float]:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]


def times(matrix, vector):
    return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]


def contrast(a: str, b: str) -> float:
    low, high = sorted(times(XYZ, linear(c))[1] for c in (a, b))
    return (high + 0.05) / (low + 0.05)


def lab(colour: str, eye) -> tuple[float, float, float]:
    seen = times(XYZ, times(eye, linear(colour)))
    white = times(XYZ, (1, 1, 1))
    f = [max(s / w, 0) ** (1 / 3) if s / w > 0.008856 else 7.787 * s / w + 16 / 116 for s, w in zip(seen, white)]  # noqa: B905
    return 116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])


def distance(a: str, b: str, eye) -> float:
    return sum((x - y) ** 2 for x, y in zip(lab(a, eye), lab(b, eye), strict=True)) ** 0.5


def test_the_measures_are_right():
    assert contrast("#000000", "#ffffff") == pytest.approx(21, abs=0.01)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)  # the textbook's nearly-enough grey
    assert distance("#000000", "#ffffff", EYES["all cones"]) == pytest.approx(100, abs=0.1)
    red_green = distance("#d04040", "#707020", EYES["all cones"]), distance("#d04040", "#707020", EYES["no green"])
    assert red_green[0] > 2 * red_green[1]


@pytest.mark.parametrize("name", THEMES)
def test_every_theme_has_every_role(name):
    look = theme(name)
    assert tuple(look.styles) == ROLES
    assert set(look.letters) == set(FONTS)
    assert tuple(look.tones) == TONES
    for style in look.styles.values():
        assert style.fill != "none" or style.stroke != "none" or style.width
    for colour in [s.fill for s in look.styles.values()] + [t.fill for t in look.tones.values()]:
        assert colour == "none" or (len(colour) == 7 and int(colour[1:], 16) >= 0)


@pytest.mark.parametrize("name", THEMES)
def test_text_is_legible_on_everything_it_stands_on(name):
    look = theme(name)
    for tone_ in look.tones.values():
        assert contrast(look.ink, tone_.fill) >= 4.5
        assert contrast(look.ink, tone_.side) >= 4.5
    for role in ("learned", "outline", "box", "window"):
        assert contrast(look.ink, look.styles[role].fill) >= 4.5, role
    assert contrast(look.ink, look.background) >= 7
    assert contrast(look.letters["index"], look.styles["index"].fill) >= 4.5


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("name", THEMES)
def test_block_colours_are_told_apart(name, eye):
    tones = theme(name).tones
    for i, a in enumerate(TONES):
        for b in TONES[:i]:
            assert distance(tones[a].fill, tones[b].fill, EYES[eye]) > 6, (a, b)


def test_what_stays_and_what_goes_differ_in_a_mask():
    for look in THEMES.values():
        assert contrast(look.styles["mask"].fill, look.styles["shade"].fill) > 2


def test_an_unknown_theme_is_an_error_that_lists_them():
    with pytest.raises(NCDError, match=r"no theme 'neon'(.|\n)*paper, dark|no theme 'neon'") as caught:
        theme("neon")
    assert all(name in str(caught.value) for name in THEMES)


@pytest.mark.parametrize(
    ("cls", "colour"),
    [
        ("MultiheadAttention", "orange"),
        ("GPT2SdpaAttention", "violet"),
        ("ScaledDotProductAttention", "violet"),
        ("GPT2MLP", "blue"),
        ("T5LayerFF", "blue"),
        ("LlamaDecoderLayer", "yellow"),
        ("GPT2Block", "yellow"),
        ("BertEmbeddings", "red"),
        ("DoubleConv", "red"),
        ("TransformerDecoder", "green"),
        ("Up", "green"),
        ("LSTM", "green"),
        ("LSTMCell", "green"),
        ("LayerNorm", "grey"),
        ("LlamaRMSNorm", "grey"),
        ("Linear", "grey"),
        ("Conv2d", "grey"),
        ("", "grey"),
    ],
)
def test_the_colour_of_a_block(cls, colour):
    assert tone(cls) == colour


def test_a_name_that_says_nothing_has_a_colour_too_and_always_the_same():
    names = [f"My{a}{b}" for a in ("Thing", "Part", "Unit") for b in "ABCDEFGH"]
    assert [tone(n) for n in names] == [tone(n) for n in names]
    found = {tone(n) for n in names}
    assert "grey" not in found and len(found) == len(TONES) - 1
    code = "from ncd.theme import tone; print(tone('MyThingA'))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert said.stdout.strip() == tone("MyThingA")


@pytest.mark.parametrize("colour", ["#000000", "#ffffff", "#ff0000", "#0000ff", "#123456", "#00ff00"])
@pytest.mark.parametrize("name", THEMES)
def test_text_is_legible_on_a_colour_of_the_users_own(name, colour):
    look = theme(name)
    own = look.tone(colour)
    assert contrast(look.ink, own.fill) >= 4.5 and contrast(look.ink, own.side) >= 4.5
    assert look.tone("orange") is look.tones["orange"] and look.tone("") is look.tones["grey"]
    assert theme("light").tone("#aaddff").fill == "#aaddff"
