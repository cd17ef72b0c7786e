"""Folding: turns of a loop, and equal layers in a row, become one block with a count.

A turn may hold blocks and plain ops.  An index that takes element 0, 1, 2, … of an axis in turn is written
with the axis's own letter, and so is the stacking of what all turns made.  A folded diagram is for
drawing, not for running: only the first turn is kept.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ncd.circuit.axis import Axis
from ncd.circuit.diagram import Array, Block, Diagram, Op
from ncd.circuit.weave import Weave, mixed
from ncd.rewrite.alike import NUMBER, Keys, alone
from ncd.rewrite.tree import Branch, Child, flat, grow
from ncd.rewrite.turns import SHARED, Name, Periods, Run, Turn, fitted, operations

FEWEST = 3
"""Plain ops that read no axis in turn are folded if they are repeated so often, and are
``LEAST`` in all."""
LEAST = 8
PASSES = 4
"""Loops within loops, so deep."""


def fold(diagram: Diagram) -> Diagram:
    """The diagram with repetitions folded, from the outermost inwards."""
    for _ in range(PASSES):
        folding = Folding(diagram)
        if not folding.run():
            break
        diagram = folding.result()
    return diagram


class Folding:
    """One pass over a diagram; what is folded in it is not looked into until the next."""

    def __init__(self, diagram: Diagram) -> None:
        self.diagram = diagram
        self.digests = diagram.source.digests
        self.root = grow(diagram)
        self.readers: dict[int, list[Op]] = {}
        for op in diagram.ops:
            for a in op.inputs:
                self.readers.setdefault(a.id, []).append(op)
        self.outputs = {a.id for a in diagram.outputs}
        self.instead: dict[int, Array] = {}
        self.dropped: dict[int, set[int]] = {}
        """Per join (by identity) the operands that later turns made: one wire stands for all."""
        self.changed: dict[int, Op] = {}
        """Ops (by identity) that read otherwise by now."""
        self.covers: dict[int, set[int]] = {}
        """Per op kept (by identity) what those of the later turns cover."""
        self.shown: dict[int, str] = {}
        """Axes (by id) that are another axis, gone through in turn."""
        self.fresh = 1 + max((a.id for a in diagram.arrays), default=0)
        self.taken = {b.path for b in diagram.blocks}
        self.keys = Keys(self.digests)
        self.moved: set[int] = set()
        """Joins (by identity) that stand within a loop by now."""

    def run(self) -> bool:
        """Fold all there is; says whether there was anything."""
        return self.visit(self.root)

    def visit(self, branch: Branch) -> bool:
        folded = self.fold_runs(branch)
        found = bool(folded)
        for child in branch.children:
            if isinstance(child, Branch) and id(child) not in folded:
                found |= self.visit(child)
        return found

    def result(self) -> Diagram:
        named = {a.id: b for a in self.diagram.arrays if (b := self.relabelled(a)) is not a} if self.shown else {}

        def current(a: Array) -> Array:
            while a.id in self.instead:
                a = self.instead[a.id]
            return named.get(a.id, a)

        def changed(a: Array) -> bool:
            return a.id in self.instead or a.id in named

        def seen(op: Op) -> Op:
            now = self.changed.get(id(op), op)
            gone = self.dropped.get(id(op))
            if (
                now is op
                and not gone
                and id(op) not in self.covers
                and not any(map(changed, (*op.inputs, *op.outputs)))
            ):
                return op
            gone = gone or set()
            kept = [k for k in range(len(now.inputs)) if k not in gone]
            weave = replace(now.weave, ins=tuple(now.weave.ins[k] for k in kept)) if gone else now.weave
            covers = tuple(sorted({*op.covers, *self.covers.get(id(op), ())}))
            ins, outs = (current(now.inputs[k]) for k in kept), map(current, now.outputs)
            return replace(now, inputs=tuple(ins), outputs=tuple(outs), weave=weave, covers=covers)

        self.without_moved()
        for branch in self.root.branches():
            if branch.block.carried:
                pairs = tuple((current(Array(a, ())).id, b) for a, b in branch.block.carried)
                branch.block = replace(branch.block, carried=pairs)
        outputs = tuple(map(current, self.diagram.outputs))
        return flat(replace(self.diagram, outputs=outputs), self.root, seen)

    def relabelled(self, a: Array) -> Array:
        """The array with axes written as what they are gone through as."""
        if not any(w.id in self.shown for w in a.wires):
            return a
        return replace(a, axes=tuple(self._axis(x) for x in a.axes))

    def _axis(self, x: Axis) -> Axis:
        if x.factors:
            return replace(x, factors=tuple(map(self._axis, x.factors)))
        return replace(x, shown=self.shown[x.id]) if x.id in self.shown else x

    # ---------------------------------------------------------------- finding runs
    def fold_runs(self, branch: Branch) -> set[int]:
        """Fold the longest run at every place; the ids of the branches that stand for runs."""
        self.index_late(branch)
        children = branch.children
        periods = Periods(list(map(self.keys, children)))
        out: list[Child] = []
        made: set[int] = set()
        i = 0
        while i < len(children):
            found = self.run_at(children, periods, i)
            if found is None:
                out.append(children[i])
                i += 1
                continue
            start, period, run = found
            out += children[i:start]
            stop = start + period * len(run.turns)
            body = children[start : start + period]
            stop += self.last_turn(run, body, children[stop : stop + period])
            out += self.keep_first(run, body, children[start:stop], branch)
            made.add(id(out[-1]))
            i = stop
        branch.children = out
        return made

    def without_moved(self) -> None:
        """Take out of the tree what stands within a loop by now."""
        for branch in (self.root, *self.root.branches()):
            branch.children = [c for c in branch.children if id(c) not in self.moved]

    def index_late(self, branch: Branch) -> None:
        """Move what takes one element of an axis to just before its first reader: to the turn it is taken for."""
        if not any(isinstance(c, Op) and c.symbol == "index" for c in branch.children):
            return
        at: dict[int, int] = {}
        for k, c in enumerate(branch.children):
            for op in [c] if isinstance(c, Op) else c.ops():
                at[id(op)] = k
        before: dict[int, list[Child]] = {}
        for k, c in enumerate(branch.children):
            if isinstance(c, Op) and c.symbol == "index" and not any(a.id in self.outputs for a in c.outputs):
                places = [at.get(id(r), -1) for a in c.outputs for r in self.readers.get(a.id, ())]
                if places and min(places) > k + 1:
                    before.setdefault(min(places), []).append(c)
        if before:
            moved = {id(c) for cs in before.values() for c in cs}
            branch.children = [
                x
                for k, c in enumerate(branch.children)
                for x in (*before.get(k, ()), c)
                if id(x) not in moved or x is not c
            ]

    def run_at(self, children: Sequence[Child], periods: Periods, i: int) -> tuple[int, int, Run] | None:
        """(start, period, run) of the longest run that begins at ``i``, or in its first turn if that is simpler."""
        best: tuple[int, int, Run] | None = None
        for period, count in periods.at(i):
            if best is not None and period * count <= best[1] * len(best[2].turns):
                continue
            if any(id(c) in self.moved for c in children[i : i + period * count]):
                continue
            run = self.compared(children, i, period, count)
            if run is None or not self.worthwhile(children[i : i + period], run):
                continue
            if best is None or period * len(run.turns) > best[1] * len(best[2].turns):
                best = (i, period, run)
        if best is None or _enumerated(best[2]):
            return best
        i, period, run = best
        for shift in range(1, period):
            count = periods.alike(i + shift, i + shift + period) // period + 1
            if count < len(run.turns):
                continue
            two = self.compared(children, i + shift, period, 2)
            if two is None or _cut(two) >= _cut(run):
                continue
            other = self.compared(children, i + shift, period, count)
            if other is not None and len(other.turns) >= len(run.turns) and _cut(other) < _cut(run):
                best, run = (i + shift, period, other), other
        return best

    def compared(self, children: Sequence[Child], i: int, period: int, count: int) -> Run | None:
        """The turns from ``i`` on that follow one another, at least two."""
        run = Run(Turn(list(operations(children[i : i + period]))))
        for k in range(1, count):
            part = children[i + k * period : i + (k + 1) * period]
            if not run.extend(Turn(list(operations(part)))):
                break
        return run if len(run.turns) > 1 and run.settle(self.readers, self.outputs) > 1 else None

    def worthwhile(self, body: Sequence[Child], run: Run) -> bool:
        """Whether a picture gets simpler: blocks always; plain ops if they read along an axis, or are many."""
        if all(isinstance(c, Branch) for c in body) or _enumerated(run):
            return True
        count = len(run.turns)
        size = sum(1 for _ in operations(body))
        return size > 1 and count >= FEWEST and count * size >= LEAST

    def last_turn(self, run: Run, body: Sequence[Child], rest: Sequence[Child]) -> int:
        """Add a last turn that leaves out what only a further one would have read; how many children it has."""
        last = fitted(body, rest, lambda a, b: alone(a, self.digests) == alone(b, self.digests))
        if last is None or any(id(c) in self.moved for c in last[1]):
            return 0
        turns, mode, steps = list(run.turns), dict(run.mode), run.steps
        if run.extend(last[0]) and run.settle(self.readers, self.outputs) == len(turns) + 1:
            return len(last[1])
        run.turns, run.mode, run.steps = turns, mode, steps
        return 0

    # ---------------------------------------------------------------- one turn for all
    def keep_first(self, run: Run, body: Sequence[Child], whole: Sequence[Child], parent: Branch) -> list[Child]:
        """What stands for all turns: the first, as a block with a count, and before it what it needs."""
        first, count = run.turns[0], len(run.turns)
        arrays = {name: op.outputs[name[1]] for _, name in first.made.items() if (op := first.ops[name[0]]) is not None}
        for turn in run.turns[1:]:
            for a, b in zip(first.ops, turn.ops, strict=True):
                if a is not None and b is not None:
                    self.covers.setdefault(id(a), set()).update(b.covers)
        last = {name: i for t in run.turns for i, name in t.made.items()}
        self.instead |= {i: arrays[name] for name, i in last.items() if i != arrays[name].id}
        letter = self.lettered(run)
        stacks = self.stacked(run, arrays, letter)
        copies, carried = self.carried(run, arrays, parent.block.path)
        kept = [c for c in body if isinstance(c, Branch)]
        own = {id(c) for c in kept}
        later = [c for c in whole if isinstance(c, Branch) and id(c) not in own]
        also = tuple(p for c in later for p in (c.block.path, *(b.block.path for b in c.branches())))
        if len(body) == 1 and kept:
            group = kept[0]
            group.children += stacks
            group.repeat, group.also = count, also
        else:
            path = self.path(kept[0].block.path if kept else parent.block.path)
            group = Branch(Block(path, *_named(body, run, letter)), [*body, *stacks], count, also)
        group.block = replace(group.block, carried=carried, weights=run.weights)
        return [*copies, group]

    def path(self, base: str) -> str:
        """A path of its own for a group of children."""
        n = next(n for n in itertools.count(1) if f"{base}…{n}" not in self.taken)
        self.taken.add(f"{base}…{n}")
        return f"{base}…{n}"

    def lettered(self, run: Run) -> Letter | None:
        """Write the indices that move with the letter of the axis they move along.

        The first of them says what the letter stands for: from where on it runs, and in which direction.
        """
        letter: Letter | None = None
        for k, op in enumerate(run.turns[0].ops):
            after = run.turns[1].ops[k]
            if op is None or after is None or op.symbol != "index" or not run.moves(k):
                continue
            at, to = ([int(n.replace("−", "-")) for n in NUMBER.findall(x.label)] for x in (op, after))
            moves = [b - a for a, b in zip(at, to, strict=True)]
            if not any(moves):
                continue
            if letter is None:
                touched = [w for w, t in zip(op.inputs[0].wires, op.indices()[0][0], strict=True) if op.touches(t)]
                which = next(i for i, m in enumerate(moves) if m)
                letter = Letter(touched[0] if touched else None, at[which], moves[which], len(run.turns))
            words = map(letter.written, at, moves)
            label = NUMBER.sub(lambda _, words=words: next(words), op.label)  # type: ignore[misc]
            self.changed[id(op)] = replace(op, label=label)
        return letter

    def stacked(self, run: Run, arrays: Mapping[Name, Array], letter: Letter | None) -> list[Op]:
        """What joins all turns' arrays: in the loop, one element a turn; or outside it, one wire for all."""
        first = run.turns[0]
        found: list[Op] = []
        done: set[tuple[int, Name]] = set()
        for i, name in first.made.items():
            rows = [next((j for j, n in t.made.items() if n == name), -1) for t in run.turns]
            for r in self.readers.get(i, ()):
                ids = [a.id for a in r.inputs]
                if r.kind != "join" or id(r) in first.inside or not set(rows) <= set(ids) or (id(r), name) in done:
                    continue
                done.add((id(r), name))
                op = self.one_a_turn(r, arrays[name], letter, rows == ids) if rows in (ids, ids[::-1]) else None
                if op is not None:
                    found.append(op)
                    self.moved.add(id(r))
                    self.covers[id(op)] = set(r.covers)
                else:
                    at = sorted(ids.index(j) for j in rows)
                    self.dropped.setdefault(id(r), set()).update(at[1:])
                    now = self.changed.get(id(r), r)
                    ins = (*now.inputs[: at[0]], arrays[name], *now.inputs[at[0] + 1 :])
                    self.changed[id(r)] = replace(now, inputs=ins)
        return found

    def one_a_turn(self, op: Op, a: Array, letter: Letter | None, forwards: bool) -> Op | None:
        """A join of all turns' arrays along an axis of its own, as what one turn does: write its element."""
        ins, outs = op.indices()
        new = [k for k, t in enumerate(outs[0]) if t not in ins[0]]
        if len(new) != 1 or any(row != ins[0] for row in ins) or len(op.outputs[0].wires) != len(ins[0]) + 1:
            return None
        axis = op.outputs[0].wires[new[0]]
        if axis.size != len(op.inputs):
            return None
        label = axis.label if forwards else f"−{axis.label}"
        if letter is not None and letter.axis is not None and letter.whole and (letter.step == 1) == forwards:
            # Element t of what is made belongs to element t of what is read.
            self.shown[axis.id] = letter.axis.shown or letter.axis.name
            label = letter.axis.label
        weave = Weave(op.weave.ins[:1], op.weave.outs, op.weave.sizes, op.weave.targets)
        return replace(op, inputs=(a,), weave=weave, symbol="stack", label=label)

    def carried(
        self, run: Run, arrays: Mapping[Name, Array], path: str
    ) -> tuple[list[Op], tuple[tuple[int, int], ...]]:
        """(what the first turn starts from, what each makes in its place), and copies that keep them apart.

        One array that starts two, or is read by all turns besides, enters by a wire for each.
        """
        first = run.turns[0]
        shared = {op.inputs[j].id for (k, j), m in run.mode.items() if m == SHARED and (op := first.ops[k]) is not None}
        used: set[int] = set(shared)
        copies: list[Op] = []
        pairs: list[tuple[int, int]] = []
        for name, ids in run.carried.items():
            (start,) = ids
            if start in used:
                slots = [slot for slot, mode in run.mode.items() if mode == name]
                k, j = slots[0]
                op = first.ops[k]
                assert op is not None
                copies.append(self.copy(op.inputs[j], path))
                start = copies[-1].outputs[0].id
                for k, j in slots:
                    op = first.ops[k]
                    assert op is not None
                    now = self.changed.get(id(op), op)
                    self.changed[id(op)] = replace(
                        now, inputs=(*now.inputs[:j], copies[-1].outputs[0], *now.inputs[j + 1 :])
                    )
            used.add(start)
            pairs.append((start, arrays[name].id))
        return copies, tuple(pairs)

    def copy(self, a: Array, path: str) -> Op:
        """A wire of its own for an array."""
        made = replace(a, id=self.fresh, kind="value", name="")
        self.fresh += 1
        names = [f"i{k}" for k in range(len(a.wires))]
        sizes = {n: w.size for n, w in zip(names, a.wires, strict=True)}
        forms, at = [], 0
        for axis in a.axes:
            forms.append(mixed(names[at : at + len(axis.leaves)], sizes))
            at += len(axis.leaves)
        return Op(
            "rearrange", "copy", (a,), (made,), Weave((tuple(forms),), (tuple(forms),), sizes), path, symbol="einsum"
        )


@dataclass(frozen=True)
class Letter:
    """The letter of an axis whose elements the turns of a loop take: from ``start`` on, ``step`` further each."""

    axis: Axis | None
    start: int
    step: int
    count: int

    @property
    def text(self) -> str:
        return self.axis.label if self.axis is not None else "t"

    @property
    def whole(self) -> bool:
        """Whether every element is taken, one after the other."""
        if self.axis is None or self.count != self.axis.size:
            return False
        return (self.start, self.step) in ((0, 1), (self.count - 1, -1), (-1, -1))

    @property
    def range(self) -> str:
        """From where to where, unless that goes without saying."""
        if (self.start, self.step) == (0, 1):
            return ""
        return f" = {self.start} … {self.start + self.step * (self.count - 1)}".replace("-", "−")

    def written(self, at: int, move: int) -> str:
        """A number that is ``at`` in the first turn and grows by ``move``."""
        if not move:
            return str(at).replace("-", "−")
        sign = "" if move == self.step else "−" if move == -self.step else f"{move}/{self.step}·"
        rest = at - self.start if move == self.step else at + self.start if move == -self.step else 0
        text = f"{sign}{self.text}" + (f"{rest:+d}" if rest else "")
        return text.replace("-", "−")


def _named(body: Sequence[Child], run: Run, letter: Letter | None) -> tuple[str, None, int, tuple[str, ...], str]:
    """The class and the title of a group, in the order of a block's fields."""
    if all(isinstance(c, Branch) for c in body):
        return " ".join(dict.fromkeys(c.block.cls for c in body if isinstance(c, Branch))), None, 1, (), ""
    if letter is not None and letter.axis is not None:
        return "Loop", None, 1, (), f"Loop over {letter.axis.shown or letter.axis.name}{letter.range}"
    return ("Layer" if run.weights == "own" else "Loop"), None, 1, (), ""


def _enumerated(run: Run) -> bool:
    """Whether some index moves on from turn to turn."""
    return any(op is not None and op.symbol == "index" and run.moves(k) for k, op in enumerate(run.turns[0].ops))


def _cut(run: Run) -> int:
    """How many arrays go from one turn to the next: a loop that is cut where fewest do is read most easily."""
    return len(run.carried)
