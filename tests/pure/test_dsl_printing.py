"""A diagram written by hand prints as the expression that makes it."""

import subprocess
import sys

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ncd import dsl as n
from ncd.dsl.nodes import arity
from ncd.errors import DSLError

LEAVES = st.sampled_from(
    [
        n.identity, n.copy, n.swap, n.discard, n.relu, n.gelu, n.add, n.multiply, n.wire("a b c -> c a"),
        n.array("x m=8"), n.linear("m -> h k", "Q"), n.linear("m -> m", bias=True), n.linear("h k -> m", "O"),
        n.embedding("v -> m", "E"), n.learned("x m", "pos"), n.softmax("x"), n.softmax("x m"), n.layer_norm("m"),
        n.rms_norm("m", "last"), n.causal("x y"), n.scale(0.5), n.scale("k ** -0.5"), n.sum("x"), n.mean("x m"),
        n.max("m"), n.einsum("x m, y m -> x y"), n.cup("m"), n.unit("m k"), n.split("m -> h k"), n.merge("h k -> m"),
        n.rearrange("x (h k) -> h x k"), n.rename("x -> y"), n.expand("y=3"), n.concat("h, k -> m"),
        n.chunk("m -> h, k"), n.gather("x"), n.index(x=2), n.conv("m x -> k x", name="c", bias=True),
        n.conv("m x -> k y", kernel=5, stride=2), n.upconv("m x -> k y", stride=3, name="up", bias=True),
        n.max_pool("x -> y"), n.avg_pool("x -> x", size=3, stride=1), n.upsample("x -> y", by=3), n.divide, n.maximum,
        n.batch_norm("x", "m", "bn"), n.lstm("x m -> x h"), n.gru("x m -> x h", "g"), n.cumsum("x"), n.sort("x"),
        n.topk("x -> k=3"), n.argmax("x"), n.min("x"), n.var("x m"), n.stack("k", 3), n.unbind("k=2"), n.flip("x m"),
        n.slice("x -> y", start=1), n.slice("x -> y", start=-3), n.pad("x -> y", after=2), n.roll("x", -1),
        n.scatter("x -> y"), n.one_hot("v=11"),
    ]
)  # fmt: skip


def combined(parts):
    def put(pair, how, axis, text):
        f, g = pair
        try:
            return {
                ">>": lambda: f >> g,
                "@": lambda: f @ g,
                "+": lambda: f + g,
                "-": lambda: f - g,
                "*": lambda: f * g,
                "over": lambda: f.over(axis),
                "first": lambda: f.over(axis, 0),
                "repeat": lambda: f.repeat(3),
                "shared": lambda: f.repeat(2, shared=True),
                "block": lambda: n.block(text, f, color="violet"),
                "plain": lambda: n.block(text, f),
                "at": lambda: f.at(**{next(iter(f.axis_names)): 8}) if f.axis_names else f,
            }[how]()
        except DSLError:
            return f

    hows = [">>"] * 4 + ["@"] * 3 + ["+", "-", "*", "over", "first", "repeat", "shared", "block", "plain", "at"]
    return st.builds(
        put,
        st.tuples(parts, parts),
        st.sampled_from(hows),
        st.sampled_from(["b", "z"]),
        st.text("aB c'\"é", max_size=6),
    )


TERMS = st.recursive(LEAVES, combined, max_leaves=10)


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(TERMS)
def test_code_evaluates_to_an_equal_diagram(term):
    for text in (repr(term), term.to_dsl()):
        again = eval(text, {"n": n})
        assert again.node == term.node and again.said == term.said
        assert again.signature == term.signature
        assert repr(again) == repr(term)
    assert (len(term.signature.ins), len(term.signature.outs)) == arity(term.node)


@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(TERMS, TERMS)
def test_side_by_side_keeps_what_both_have(f, g):
    try:
        both = f @ g
    except DSLError:
        assume(False)
    assert both.signature.ins == f.signature.ins + g.signature.ins
    assert both.signature.outs == f.signature.outs + g.signature.outs


def test_long_diagrams_are_written_over_several_lines():
    term = n.linear("m -> f", "first", bias=True) >> n.relu >> n.linear("f -> m", "second", bias=True) >> n.relu
    text = n.block("Feed Forward", term >> term).to_dsl()
    assert text.splitlines()[:8] == [
        "n.block(",
        "    'Feed Forward',",
        "    (",
        "        n.linear('m -> f', 'first', bias=True)",
        "        >> n.relu",
        "        >> n.linear('f -> m', 'second', bias=True)",
        "        >> n.relu",
        "        >> (",
    ]
    assert eval(text) == n.block("Feed Forward", term >> term)
    assert (n.relu >> n.tanh).to_dsl("dsl") == "dsl.relu >> dsl.tanh"


def test_writing_a_diagram_loads_no_torch():
    code = "import sys; from ncd import dsl as n; repr(n.linear('m=4 -> k') >> n.relu); print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
