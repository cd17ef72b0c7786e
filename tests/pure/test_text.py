"""Text: markup, widths, and what is set in which face."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncd.text import FONTS, escape, fit, runs, subscript, width


def shape(text, role="axis"):
    return [(r.text, "base" if r.dy == 0 else "sub" if r.dy > 0 else "sup") for r in runs(text, role)]


def test_widths_are_those_of_the_fonts():
    # Advances of Times and Arial in 1/1000 em, as printed in Adobe's font metrics.
    assert width("m", "axis") == pytest.approx(0.722 * 15, abs=0.02)
    assert width("L", "learned") == pytest.approx(0.667 * 24, abs=0.02)
    assert width("Wave", "word") == pytest.approx((0.944 + 0.556 + 0.5 + 0.556) * 13, abs=0.02)
    assert width("λ", "function") > 0
    assert width("", "axis") == 0


def test_a_character_in_no_table_has_a_width():
    assert width("\U0001f600", "word") == pytest.approx(0.6 * 13)


def test_marks():
    assert shape("d_model") == [("d", "base"), ("m", "sub"), ("odel", "base")]
    assert shape("d_{model}") == [("d", "base"), ("model", "sub")]
    assert shape("k^{ab}c") == [("k", "base"), ("ab", "sup"), ("c", "base")]
    assert shape("a_{b_{c}}") == [("a", "base"), ("b_c", "sub")]


def test_a_superscript_stands_above_its_subscript():
    (base, *scripts) = runs("L_+^Q", "learned")
    assert {r.x for r in scripts} == {base.width}
    assert {r.text for r in scripts} == {"+", "Q"}
    assert all(r.size == pytest.approx(24 * FONTS["learned"].scripts.size) for r in scripts)
    assert width("L_+^Q", "learned") == max(width("L_+", "learned"), width("L^Q", "learned"))
    assert runs("L^Q_+", "learned") == runs("L_+^Q", "learned")
    assert width("L_+^Qx", "learned") == pytest.approx(width("L_+^Q", "learned") + width("x", "learned"))


def test_two_scripts_of_one_kind_follow_each_other():
    first, second = runs("x_a_b")[1:]
    assert second.x == pytest.approx(first.x + first.width)


def test_marks_with_nothing_to_act_on_are_characters():
    for text in ("_", "^", "a_", "a^", "_{", "a_{b", "a_{}", "_ x"):
        assert "".join(r.text for r in runs(text)) == text
        assert {r.dy for r in runs(text)} == {0}


def test_module_names_are_literal_where_the_type_is_sans():
    for role in ("word", "title", "heading", "small"):
        assert shape("self_attn.q_proj^2", role) == [("self_attn.q_proj^2", "base")]


def test_digits_and_operators_are_upright_in_italic():
    faces = {r.text: r.face for r in runs("3x+y_1")}
    assert faces == {"3": "serif", "x": "serif-italic", "+": "serif", "y": "serif-italic", "1": "serif"}
    assert {r.face for r in runs("x3", "bundle")} == {"serif-bold-italic", "serif-bold"}


def test_a_prime_is_a_prime_and_a_minus_a_minus():
    assert shape("s'") == [("s′", "base")]
    assert [r.text for r in runs("k^{-½}")] == ["k", "−½"]


def test_an_identifier_has_one_subscript():
    assert shape(subscript("d_model")) == [("d", "base"), ("model", "sub")]
    assert shape(subscript("my_long_name")) == [("my", "base"), ("long name", "sub")]
    for name in ("x", "_private", "trailing_", "a{b", "back\\slash"):
        assert "".join(r.text for r in runs(subscript(name))) == name


@given(st.text(), st.sampled_from(sorted(FONTS)))
def test_no_text_is_illegal_and_runs_add_up(text, role):
    found = runs(text, role)
    assert width(text, role) == pytest.approx(max((r.x + r.width for r in found), default=0))
    assert width(text, role) >= 0


@given(st.text(st.characters(exclude_characters="'-")))
def test_escaped_text_is_itself(text):
    assert "".join(r.text for r in runs(escape(text))) == text


@given(st.text(), st.floats(0, 200))
def test_what_fits_fits(text, room):
    assert fit(text, "word", room) in (text, "…") or width(fit(text, "word", room), "word") <= room


def test_the_table_is_what_its_script_writes(tmp_path):
    fonts = Path("/usr/share/fonts/truetype/liberation")
    if not fonts.exists():
        pytest.skip("fonts-liberation is not installed")
    pytest.importorskip("fontTools")
    root = Path(__file__).parents[2]
    (tmp_path / "ncd").mkdir()
    (tmp_path / "tools").mkdir()
    script = tmp_path / "tools" / "text_widths.py"
    script.write_text((root / "tools" / "text_widths.py").read_text())
    subprocess.run([sys.executable, str(script), str(fonts)], check=True, capture_output=True)
    written = (tmp_path / "ncd" / "text_widths.json").read_bytes()
    assert written == (root / "ncd" / "text_widths.json").read_bytes()
