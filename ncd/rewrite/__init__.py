"""Diagram to diagram: from what was recorded to what is drawn.

Every pass has a condition under which it changes nothing that is computed; where it cannot
establish it, it leaves the ops alone.  More ink, never a lie.
"""

from __future__ import annotations

from ncd.circuit.diagram import Diagram
from ncd.rewrite.addend import addends
from ncd.rewrite.alias import dead, identity, views
from ncd.rewrite.attention import open_attention
from ncd.rewrite.constant import constants, digests, relabelling_gathers, uniform
from ncd.rewrite.initial import initial_states
from ncd.rewrite.label import labels
from ncd.rewrite.learned import learned, split_projections, weight_views
from ncd.rewrite.mask import masks
from ncd.rewrite.net import Net
from ncd.rewrite.recognise import recognise
from ncd.rewrite.sample import Sample
from ncd.rewrite.scale import scales


def simplify(diagram: Diagram) -> Diagram:
    """The passes in order.  Casts sit between views, so they go first; a region must not need to
    know views, so they go before it; weights are hidden only when all regions were found.
    """
    if diagram.source.exact is not None or any(op.covers for op in diagram.ops):
        return diagram  # simplified before, perhaps before it was saved
    net = Net(diagram)
    sample = Sample(net)
    initial_states(net)
    addends(net)
    identity(net)
    dead(net)
    views(net)
    constants(net)
    relabelling_gathers(net, sample)
    views(net)
    dead(net)
    weight_views(net)
    recognise(net, sample)
    masks(net, sample)
    open_attention(net, sample)
    uniform(net, sample)
    learned(net)
    split_projections(net)
    views(net)
    scales(net, sample)
    dead(net)
    labels(net, sample)
    return net.freeze(digests(net, sample))
