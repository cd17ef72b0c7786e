"""Losses: a reduced one acts on everything, an unreduced one on the class axis only."""

from __future__ import annotations

from ncd.ops.aten.call import AtenCall
from ncd.ops.aten.spec import Family, Text

family = Family("""
_linear_cross_entropy_batch_chunked: [b] [d], [c] [d], [b], [c], [c] ->
_linear_cross_entropy_batch_chunked_no_reduction: b [d], [c] [d], b, [c], [c] -> b
""")


@family("_ctc_loss")
def alignments(call: AtenCall) -> Text:
    """An example each, if the targets stand in rows; lengths in a list that differ tell the examples apart."""
    x, target, *lengths = call.ins
    lists = [call.args["input_lengths"], call.args["target_lengths"]] if not lengths else []
    if target.ndim == 1 or any(len(set(given)) > 1 for given in lists):
        return "? -> ?"
    return "[t] n [c], n [s], n, n -> n, ?" if x.ndim == 3 else "? -> ?"


@family("multi_margin_loss")
def margins(call: AtenCall) -> Text:
    """Unreduced, one number an example."""
    if call.args.get("reduction", 1) == 0 and call.ins[0].ndim == 2:
        return "b [c], b, [c] -> b"
    return "? -> ?"


@family("multilabel_margin_loss_forward")
def label_margins(call: AtenCall) -> Text:
    """Unreduced, one number an example, which may be alone."""
    each = call.args.get("reduction", 1) == 0
    rows = ["", "[c]", "b [c]" if each else "[b] [c]"]
    row = rows[call.ins[0].ndim]
    return f"{row}, {row} -> {'b' if each and row == 'b [c]' else ''}, {row}"


@family("nll_loss_forward nll_loss2d_forward nll_loss nll_loss2d")
def nll(call: AtenCall) -> Text | None:
    x, target = call.ins[:2]
    reduced = call.args.get("reduction", 1) != 0
    tile = "[{}]" if reduced else "{}"
    row = [*([tile.format("n")] if x.ndim > 1 else []), "[c]", *(tile.format(f"s{j}") for j in range(x.ndim - 2))]
    rest = [v for v in row if v != "[c]"]
    if target.ndim != len(rest):
        return None
    ins = [" ".join(row), " ".join(rest), *["[c]"] * (len(call.ins) - 2)]
    outs = ["" if reduced else " ".join(rest), *[""] * (len(call.outs) - 1)]
    return ", ".join(ins) + " -> " + ", ".join(outs)


def weave(call: AtenCall) -> Text | None:
    """Any loss that ends in one number."""
    if "_loss" in call.name and call.outs and call.outs[0].ndim == 0:
        if len({t.shape for t in call.ins}) == 1:
            return ", ".join(["[*]"] * len(call.ins)) + " -> " + ", ".join(["?"] * len(call.outs))
        return ", ".join(["?"] * len(call.ins)) + " -> " + ", ".join(["?"] * len(call.outs))
    return None
