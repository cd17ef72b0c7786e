"""JSON: the round trip is equal and deterministic, and damage is reported as such."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ncd import Diagram, NCDError
from ncd.circuit.axis import ONE, Axis, composite
from ncd.circuit.codec import VERSION, Unreadable, literal, value
from ncd.circuit.diagram import KINDS, Array, Block, Call, Name, Op, Place, Ref
from ncd.circuit.packed import packed, unpacked
from ncd.circuit.reads import Read
from ncd.circuit.weave import Form, Weave

ints = st.integers(-(2**40), 2**40)
counts = st.integers(0, 9)
words = st.text(max_size=6)


def tuples(of: st.SearchStrategy, most: int = 3) -> st.SearchStrategy:
    return st.lists(of, max_size=most).map(tuple)


atoms = st.builds(Axis, counts, words, st.integers(1, 64))
axes = st.just(ONE) | atoms | st.lists(atoms, min_size=2, max_size=3).map(composite)
arrays = st.builds(
    Array, counts, tuples(axes), st.sampled_from(["float32", "int64"]), st.sampled_from(["input", "value"]), words
)
forms = st.builds(Form, tuples(st.tuples(ints, words)), ints)
sides = tuples(tuples(forms, 2), 2)
plain_weaves = st.builds(
    Weave, sides, sides, st.dictionaries(words, counts, max_size=3), st.frozensets(words, max_size=3)
)
weaves = st.builds(lambda w, rest: replace(w, rest=rest), plain_weaves, tuples(plain_weaves, 2))
keys = st.none() | st.booleans() | ints | words
scalars = (
    keys
    | st.floats(allow_nan=False)
    | st.just(...)
    | st.builds(Ref, counts)
    | st.builds(Name, words)
    | st.complex_numbers(allow_nan=False)
)
literals = st.recursive(
    scalars | st.builds(slice, st.none() | ints, ints, st.builds(Ref, counts)),
    lambda inner: (
        st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple) | st.dictionaries(keys, inner, max_size=2)
    ),
    max_leaves=5,
)
options = tuples(st.tuples(words, literals))
calls = st.builds(Call, words, tuples(literals), options, literals, tuples(st.tuples(counts, counts)))
places = st.none() | st.builds(Place, words, counts, counts, counts, counts, words)
plain_ops = st.builds(
    Op, st.sampled_from(KINDS), words, tuples(arrays), tuples(arrays), weaves, words, places, tuples(calls, 2),
    words, words, tuples(counts), tuples(words),
)  # fmt: skip
ops = plain_ops | st.builds(lambda op, block, inside: replace(op, block=block, inside=inside), plain_ops, words,
                            tuples(plain_ops, 2))  # fmt: skip
blocks = st.builds(Block, words, words, st.none() | words, st.integers(1, 12), tuples(words), words, st.none() | ops)
reads = st.builds(Read, st.none() | counts, words, places, words)
diagrams = st.builds(
    Diagram, words, tuples(ops), tuples(arrays), tuples(arrays), tuples(blocks), tuples(reads), tuples(counts),
    tuples(st.tuples(counts, counts)), options,
)  # fmt: skip


@settings(max_examples=150)
@given(diagrams)
def test_the_round_trip_is_equal_and_gives_the_same_text(diagram: Diagram) -> None:
    text = diagram.to_json()
    again = Diagram.from_json(text)
    assert again == diagram
    assert again.to_json() == text


@settings(max_examples=50)
@given(diagrams, st.integers(1, 4))
def test_a_diagram_is_read_out_of_the_document_of_a_notebook_cell(diagram: Diagram, indent: int) -> None:
    for inside in (json.loads(diagram.to_json()), packed(diagram.to_json())):
        document = {"ncd": VERSION, "scenes": [], "diagram": inside}
        assert Diagram.from_json(json.dumps(document, indent=indent)) == diagram


def small() -> Diagram:
    b, d = Axis(0, "b", 2), Axis(1, "d", 8)
    x = Array(0, (b, d), kind="input", name="x")
    y = Array(1, (b, d))
    weave = Weave.parse("b [d] -> b [d]", b=2, d=8)
    place = Place("model.py", 3, 4, 3, 9, "forward")
    op = Op("along", "softmax", (x,), (y,), weave, "attn", place, (Call("torch.softmax", (Ref(0), -1), (), Ref(1)),))
    return Diagram("small", (op,), (x,), (y,), (Block("attn", "Attention"),))


def test_axes_and_arrays_stand_once() -> None:
    data = json.loads(small().to_json())
    assert data["ncd"] == VERSION
    assert [a["name"] for a in data["axes"]] == ["b", "d"]
    assert [a["id"] for a in data["arrays"]] == [0, 1]
    assert data["ops"][0]["inputs"] == data["inputs"] == [0]
    assert data["files"] == ["model.py"]


def test_equal_diagrams_give_equal_text_whatever_the_order_of_their_sets() -> None:
    names = [f"axis{i}" for i in range(40)]
    d = small()
    texts = set()
    for order in (names, names[::-1]):
        weave = replace(d.ops[0].weave, targets=frozenset(order), sizes=dict.fromkeys(order, 2))
        texts.add(replace(d, ops=(replace(d.ops[0], weave=weave),)).to_json())
    assert len(texts) == 1


def test_arrays_with_one_id_but_different_axes_stay_apart() -> None:
    d = small()
    renamed = replace(d.inputs[0], axes=(Axis(0, "batch", 2), d.inputs[0].axes[1]))
    mixed = replace(d, inputs=(renamed,))
    assert Diagram.from_json(mixed.to_json()) == mixed


@pytest.mark.parametrize("number", [math.inf, -math.inf, -0.0, 1e-30, 1.0, 2**70])
def test_numbers_keep_their_value_and_their_type(number: float) -> None:
    again = value(json.loads(json.dumps(literal(number), allow_nan=False)))
    assert again == number and type(again) is type(number) and math.copysign(1, again) == math.copysign(1, number)


def test_nan_stays_nan() -> None:
    assert math.isnan(value(literal(math.nan)))


def test_what_json_cannot_hold_is_kept_as_it_printed() -> None:
    kept = value(literal(frozenset({1})))
    assert kept == Unreadable("frozenset({1})")
    assert value(literal(kept)) == kept
    assert value(literal("frozenset({1})")) == "frozenset({1})"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "no diagram"),
        ('{"scenes": []}', "no diagram"),
        ('{"ncd": 0}', "version 0"),
        ('{"ncd": 3}', "version 3"),
        ('{"ncd": true}', "version True"),
        ('{"ncd": "1"}', "version '1'"),
        ('{"diagram": {"ncd": 99}}', "version 99"),
        ('{"ncd": 1}', "damaged"),
        ('{"diagram": "€"}', "damaged"),
        ('{"diagram": "AAAA"}', "damaged"),
        (json.dumps({"diagram": packed("{}")[:-8]}), "damaged"),
        (json.dumps({"diagram": packed("{")}), "damaged"),
        (json.dumps({"diagram": packed("[]")}), "no diagram"),
        (json.dumps({"diagram": packed('{"ncd": 99}')}), "version 99"),
    ],
)
def test_bad_input_is_an_ncd_error(text: str, says: str) -> None:
    with pytest.raises(NCDError, match=says):
        Diagram.from_json(text)


@pytest.mark.parametrize(
    ("table", "damage"),
    [
        ("inputs", [7]),
        ("inputs", [-1]),
        ("inputs", ["0"]),
        ("axes", [{"id": 0}]),
        ("axes", [{"id": 0, "name": "b", "size": 2, "factors": [0]}]),
        ("arrays", 3),
        ("ops", [{"kind": "map"}]),
        ("blocks", [{"colour": "red"}]),
        ("options", [["width", {"no such tag": 1}]]),
        ("options", [["width", {}]]),
    ],
)
def test_damage_is_reported_and_never_read_as_something_else(table: str, damage: object) -> None:
    data = json.loads(small().to_json())
    data[table] = damage
    with pytest.raises(NCDError, match="damaged"):
        Diagram.from_json(json.dumps(data))


def test_what_repeats_itself_is_packed_small_and_never_unpacked_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    text = small().to_json() * 50
    short = packed(text)
    assert unpacked(short) == text and len(short) < len(text) / 9
    monkeypatch.setattr("ncd.circuit.packed.MOST", len(text) - 1)
    with pytest.raises(ValueError, match="longer than"):
        unpacked(short)
