"""Stages: blocks in a row that are one computation but for sizes become one block, its axes numbered by the turn.

A U-Net's way down, its way up, the stages of a ResNet.  What a turn makes for others than the next one is
saved under its number, and loaded where it is read.  Like a folded diagram this is for drawing, not for running.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ncd.circuit.diagram import Array, Block, Diagram, Op
from ncd.rewrite.memory import LETTERS, load, same, save
from ncd.rewrite.stage_names import INDEX, Names, formula, letter, renamed
from ncd.rewrite.stage_runs import FEWEST, NUMBER, Kept, Made, Staged, compared, kind
from ncd.rewrite.tree import Branch, Child, flat, grow
from ncd.rewrite.turns import Name, Periods, Slot


def stages(diagram: Diagram) -> Diagram:
    """The diagram with runs of stages folded, the outermost first."""
    found = Stages(diagram)
    found.visit(found.root)
    return found.result() if found.runs else diagram


class Stages:
    """The runs in a diagram, in the order of execution, and what becomes of its ops."""

    def __init__(self, diagram: Diagram) -> None:
        self.diagram, self.root, self.digests = diagram, grow(diagram), diagram.source.digests
        self.runs: list[tuple[Staged, Branch]] = []
        self.known: dict[int, Made] = {}
        """By array: which run makes it, in which turn, as what."""
        self.names = Names()
        self.inputs: dict[int, list[Array]] = {}
        """The operands of ops (by identity) that read others by now."""
        self.covers: dict[int, set[int]] = {}
        self.labels: dict[int, str] = {}
        self.written: set[int] = set()
        """Ops (by identity) that are new, and have the arrays they are to have."""
        self.before: dict[int, list[Op]] = {}
        self.behind: dict[int, list[Op]] = {}
        """New ops around an op or a branch (by identity)."""
        self.fresh = 1 + max((a.id for a in diagram.arrays), default=0)
        self.taken = {b.path for b in diagram.blocks}

    # ---------------------------------------------------------------- finding
    def visit(self, branch: Branch) -> None:
        children: Sequence[Child] = branch.children
        out: list[Child] = []
        numbers: dict[object, int] = {}
        periods = Periods([numbers.setdefault(kind(c), len(numbers)) for c in children])
        i = 0
        while i < len(children):
            start, period, run = self.run_at(children, periods, i) or (i + 1, 0, None)
            for child in children[i:start]:
                if isinstance(child, Branch):
                    self.visit(child)
                out.append(child)
            i = start
            if run:
                whole = children[start : start + period * len(run.turns)]
                out.append(self.one_turn(run, whole[:period], whole, branch))
                i += len(whole)
        branch.children = out

    def run_at(self, children: Sequence[Child], periods: Periods, i: int) -> tuple[int, int, Staged] | None:
        """(start, period, run) of the longest run that begins at ``i``, or in its first turn if less is handed on."""
        best: tuple[int, int, Staged] | None = None
        for period, count in periods.at(i):
            run = compared(children, i, period, count, self.known, self.digests) if count >= FEWEST else None
            if run and (best is None or period * len(run.turns) > best[1] * len(best[2].turns)):
                best = i, period, run
        if best is None:
            return None
        _, period, first = best
        for start in range(i + 1, i + period):
            count = periods.alike(start, start + period) // period + 1
            if count < len(first.turns):
                continue
            run = compared(children, start, period, count, self.known, self.digests)
            if run and len(run.turns) >= len(first.turns) and run.handed < best[2].handed:
                best = start, period, run
        return best

    # ---------------------------------------------------------------- one turn for all
    def one_turn(self, run: Staged, body: Sequence[Child], whole: Sequence[Child], parent: Branch) -> Branch:
        """The first turn as a block that stands for all."""
        first = run.turns[0]
        for at, turn in enumerate(run.turns):
            self.known |= {i: Made(len(self.runs), at, name) for i, name in turn.made.items()}
            for a, b in zip(first.ops, turn.ops, strict=True):
                if turn is not first:
                    self.covers.setdefault(id(a), set()).update(b.covers if b else ())
        self.names.learn([[a for op in t.ops if op for a in _shown(op)] for t in run.turns])
        for op in first.ops:
            if op is not None and op.symbol == "concat":
                self.name_joined(op)
        self.relabel(run)
        n = len(body)
        parts = [whole[k : k + n] for k in range(0, len(whole), n)]
        blocks = [[b for c in part if isinstance(c, Branch) for b in (c, *c.branches())] for part in parts]
        for same_block in zip(*blocks, strict=True):
            counts = tuple(b.repeat for b in same_block)
            if len(set(counts)) > 1:
                same_block[0].block = replace(same_block[0].block, counts=counts)
        also = tuple(b.block.path for later in blocks[1:] for b in later)
        only = body[0]
        if n == 1 and isinstance(only, Branch) and only.repeat == 1:
            group, only.repeat, only.also = only, len(parts), also
        else:
            group = Branch(Block(self.path(parent.block.path), "Stage"), list(body), len(parts), also)
        group.block = replace(group.block, weights=run.weights, numbered=True)
        self.runs.append((run, group))
        return group

    def relabel(self, run: Staged) -> None:
        """Numbers in labels that are the size of an axis, and another in each turn, are written as its letter."""
        for k, op in enumerate(run.turns[0].ops):
            labels = [NUMBER.findall(same_op.label) for t in run.turns if (same_op := t.ops[k]) is not None]
            if op is not None and any(found != labels[0] for found in labels):
                letters = {str(w.size): letter(w) for a in _shown(op) for w in a.wires}
                words = iter(letters.get(n[0], n[0]) if len(set(n)) > 1 else n[0] for n in zip(*labels, strict=True))
                self.labels[id(op)] = NUMBER.sub(lambda _, words=words: next(words), op.label)  # type: ignore[misc]

    def name_joined(self, op: Op) -> None:
        ins, outs = op.indices()
        new = [k for k, t in enumerate(outs[0]) if all(t not in row for row in ins)]
        parts = [(a, k) for a, row in zip(op.inputs, ins, strict=True) for k, t in enumerate(row) if t not in outs[0]]
        if len(new) == 1 and len(parts) == len(op.inputs):
            self.names.joined(op.outputs[0], new[0], parts)

    def path(self, base: str) -> str:
        start = f"{base}…λ" if base else "λ"
        n = next(n for n in range(1, len(self.taken) + 2) if f"{start}{n}" not in self.taken)
        self.taken.add(f"{start}{n}")
        return f"{start}{n}"

    # ---------------------------------------------------------------- what goes in and out
    def result(self) -> Diagram:
        home = {id(op): r for r, (run, _) in enumerate(self.runs) for op in run.turns[0].ops}
        paths = {id(op): b.block.path for b in (self.root, *self.root.branches()) for op in b.children}
        readers = [(op, home.get(id(op))) for op in self.root.ops()]
        around = [a for op, r in readers if r is None for a in (*op.inputs, *op.outputs)]
        outer = self.names.around((*self.diagram.inputs, *self.diagram.outputs, *around))
        names = self.kept(readers)
        for r, (run, group) in enumerate(self.runs):
            self.enter(run, group, outer)
            self.load_numbered(run, group, names)
            for (other, name), memory in names.items():
                if other == r:
                    a = self.names.in_turn(self.made(run, name, 0))
                    group.children.append(self.add(save(a, f"{memory}_{{{INDEX}}}", group.block.path)))
        loaded: dict[tuple[int, str], Array] = {}
        left: set[tuple[int, Name]] = set()
        for op, inside in readers:
            for j, a in enumerate(self.inputs.get(id(op), op.inputs)):
                source = self.known.get(a.id)
                if source is None or source.run == inside:
                    continue
                if source.key not in names:
                    left.add(source.key)
                    continue
                path = paths[id(op)]
                if (a.id, path) not in loaded:
                    new = loaded[a.id, path] = renamed(self.new(a), outer)
                    self.before.setdefault(id(op), []).append(self.load(a, new, names, path))
                self.inputs.setdefault(id(op), list(op.inputs))[j] = loaded[a.id, path]
        outputs = list(self.diagram.outputs)
        for k, a in enumerate(outputs):
            if a.id in self.known:
                if self.known[a.id].key in names:
                    outputs[k] = renamed(self.new(a), outer)
                    self.root.children.append(self.load(a, outputs[k], names, ""))
                else:
                    left.add(self.known[a.id].key)
        groups = [b for _, group in self.runs for b in (group, *group.branches())]
        handed = [i for b in self.root.branches() if b not in groups for _, i in b.block.carried]
        handed += [i for _, group in self.runs for i, _ in group.block.carried]
        left |= {self.known[i].key for i in handed if i in self.known}
        for r, name in sorted(left):
            run, group = self.runs[r]
            last = self.made(run, name, -1)
            inner = self.names.in_turn(self.made(run, name, 0), like=last)
            self.behind.setdefault(id(group), []).append(self.add(same("turn", inner, renamed(last, outer), "", "")))
        return self.rebuilt(home, outer, outputs)

    def load(self, a: Array, made: Array, names: Mapping[tuple[int, Name], str], path: str) -> Op:
        """What reads, outside of all runs, what a certain turn saved."""
        run, at, name = self.known[a.id]
        kept = self.names.in_turn(self.made(self.runs[run][0], name, 0))
        return self.add(load(kept, made, f"{names[run, name]}_{{{at + 1}}}", path, like=made))

    def kept(self, readers: Sequence[tuple[Op, int | None]]) -> dict[tuple[int, Name], str]:
        """What is read of other turns than the last, or turn by turn, and the letter it is saved under."""
        found = [(m.run, m.name) for run, _ in self.runs for m in run.mode.values() if isinstance(m, Kept)]
        outside = [(a, r) for op, r in readers for a in self.inputs.get(id(op), op.inputs)]
        for a, r in (*outside, *((a, None) for a in self.diagram.outputs)):
            made = self.known.get(a.id)
            if made is not None and made.run != r and made.turn < len(self.runs[made.run][0].turns) - 1:
                found.append(made.key)
        return dict(zip(sorted(set(found)), LETTERS, strict=False))

    def enter(self, run: Staged, group: Branch, outer: dict[int, str]) -> None:
        """What one turn hands to the next has inside the names of the turn."""
        pairs: list[tuple[int, int]] = []
        for name in run.carried:
            slots = [slot for slot, mode in run.mode.items() if mode == name]
            start = self.operand(run, slots[0])
            inner = self.names.in_turn(self.new(start))
            group.children.insert(0, self.add(same("turn", renamed(start, outer), inner, "", group.block.path)))
            for slot in slots:
                self.read(run, slot, inner)
            for b in group.branches():
                moved = tuple((inner.id if i == start.id else i, made) for i, made in b.block.carried)
                b.block = replace(b.block, carried=moved)
            pairs.append((start.id, self.made(run, name, 0).id))
        group.block = replace(group.block, carried=tuple(pairs))

    def load_numbered(self, run: Staged, group: Branch, names: Mapping[tuple[int, Name], str]) -> None:
        """What earlier runs saved is loaded by number."""
        loaded: dict[Kept, Array] = {}
        for slot, mode in run.mode.items():
            if isinstance(mode, Kept):
                if mode not in loaded:
                    a = self.operand(run, slot)
                    at = self.known[a.id].turn + 1
                    new = loaded[mode] = self.names.in_turn(self.new(a))
                    base, _, index = formula(names[mode.run, mode.name], (at, at + mode.step)).partition("_")
                    kept = self.names.in_turn(self.made(self.runs[mode.run][0], mode.name, 0))
                    memory = f"{base}_{{{index}}}"
                    group.children.insert(0, self.add(load(kept, new, memory, group.block.path, like=new)))
                self.read(run, slot, loaded[mode])

    def rebuilt(self, home: Mapping[int, int], outer: dict[int, str], outputs: Sequence[Array]) -> Diagram:
        for branch in (self.root, *self.root.branches()):
            branch.children = [
                x for c in branch.children for x in (*self.before.get(id(c), ()), c, *self.behind.get(id(c), ()))
            ]

        def seen(op: Op) -> Op:
            if id(op) in self.written:
                return op
            inside = id(op) in home

            def current(a: Array) -> Array:
                return self.names.in_turn(a) if inside else renamed(a, outer)

            ins, outs = map(current, self.inputs.get(id(op), op.inputs)), map(current, op.outputs)
            covers = tuple(sorted({*op.covers, *self.covers.get(id(op), ())}))
            label = self.labels.get(id(op), op.label)
            return replace(op, inputs=tuple(ins), outputs=tuple(outs), covers=covers, label=label)

        sides = (tuple(renamed(a, outer) for a in side) for side in (self.diagram.inputs, outputs))
        ins, outs = sides
        return flat(replace(self.diagram, inputs=ins, outputs=outs), self.root, seen)

    # ---------------------------------------------------------------- arrays
    def made(self, run: Staged, name: Name, turn: int) -> Array:
        op = run.turns[turn].ops[name[0]]
        assert op is not None
        return op.outputs[name[1]]

    def operand(self, run: Staged, slot: Slot) -> Array:
        op = run.turns[0].ops[slot[0]]
        assert op is not None
        return self.inputs.get(id(op), op.inputs)[slot[1]]

    def read(self, run: Staged, slot: Slot, array: Array) -> None:
        op = run.turns[0].ops[slot[0]]
        assert op is not None
        self.inputs.setdefault(id(op), list(op.inputs))[slot[1]] = array

    def new(self, a: Array) -> Array:
        made = replace(a, id=self.fresh, kind="value", name="")
        if a.id in self.names.inside:
            self.names.inside[made.id] = self.names.inside[a.id]
        self.fresh += 1
        return made

    def add(self, op: Op) -> Op:
        self.written.add(id(op))
        return op


def _shown(op: Op) -> list[Array]:
    return [a for a in (*op.inputs, *op.outputs) if not a.hidden]
