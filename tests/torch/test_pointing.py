"""Pointer Networks: the formula, the three problems, decoding, training, and the weights that come along."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
import torch
from scipy.spatial import ConvexHull, Delaunay

import ncd
from ncd.cli import main
from ncd.models.pointing import ContentAttention, PointerNetwork, SequenceToSequence
from ncd.tasks import shipped
from ncd.tasks.decoding import beam, greedy
from ncd.tasks.geometry import (
    FEW,
    area,
    by_qhull,
    hulls,
    simple,
    tour_length,
    tours,
    triangulations,
    whole,
)
from ncd.tasks.improving import exchanges, shifts, short_tours
from ncd.tasks.pointing import EXACT, PROBLEMS, judge_hulls, judge_triangulations, moved
from ncd.tasks.training import Recipe, evaluate, train

SQUARE = np.array([[0.5, 0.4], [1.0, 1.0], [0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("hidden", [16, 128])
def test_parameters_are_the_closed_form(hidden):
    count = sum(p.numel() for p in PointerNetwork(hidden).parameters())
    assert count == 10 * hidden**2 + 34 * hidden + 2


def test_scores_are_the_equation():
    torch.manual_seed(0)
    net = PointerNetwork(6).double()
    memory, states = torch.randn(2, 4, 6).double(), torch.randn(2, 3, 6).double()
    found = net.pointer(memory, states)
    w1, w2, v = net.pointer.of_memory.weight, net.pointer.of_state.weight, net.pointer.score.weight[0]
    for b, i, j in np.ndindex(2, 3, 4):
        literal = v @ torch.tanh(w1 @ memory[b, j] + w2 @ states[b, i])
        assert torch.allclose(found[b, i, j], literal, atol=1e-12)


@pytest.mark.parametrize(
    "make", [lambda: PointerNetwork(8), lambda: ContentAttention(8, 5), lambda: SequenceToSequence(8, 5)]
)
def test_told_the_truth_or_step_by_step(make):
    torch.manual_seed(1)
    net, points, targets = make().double(), torch.rand(3, 5, 2).double(), torch.tensor([[2, 4, 1, 0]] * 3)
    memory, state = net.encode(points)
    rows = []
    for point in net.before(points, targets).unbind(1):
        scores, state = net.step(point, state, memory)
        rows.append(scores)
    assert torch.allclose(net(points, targets), torch.stack(rows, 1), atol=1e-12)


def test_one_pointer_network_reads_any_number_of_points():
    net = PointerNetwork(8)
    for n in (5, 7, 50):
        assert net(torch.rand(2, n, 2), torch.tensor([[1, 2, 0]] * 2)).shape == (2, 3, n + 1)


def test_nothing_that_attention_reads_goes_back_into_the_pointer_networks_decoder():
    """Its LSTM is one call; the attention baseline's is one a step, fed with what attention has read."""
    targets = torch.tensor([[2, 4, 1, 0]] * 3)
    fed = {}
    for name, net in {"pointer": PointerNetwork(8), "attention": ContentAttention(8, 5)}.items():
        d = ncd.trace(net, torch.rand(3, 5, 2), targets)
        scored = {a.id for op in d.ops if "pointer" in op.path or "attention" in op.path for a in op.outputs}
        reached = set(scored)
        decoders = []
        for op in d.ops:
            if any(a.id in reached for a in op.inputs):
                reached |= {a.id for a in op.outputs}
                decoders += [op] if op.name == "lstm" else []
        fed[name] = len(decoders)
    assert fed["pointer"] == 0 and fed["attention"] == 3


def test_hulls_are_scipys(rng):
    for n in (3, 5, 20):
        points = rng.random((50, n, 2))
        for one, corners in zip(points, hulls(points), strict=True):
            true = ConvexHull(one).vertices
            assert corners[corners >= 0].tolist() == np.roll(true, -true.argmin()).tolist()


def test_tours_are_the_shortest(rng):
    points = rng.random((8, 6, 2))
    every = np.array([(0, *rest) for rest in permutations(range(1, 6))])
    found, length = tours(points)
    for one, tour, best in zip(points, found, length, strict=True):
        assert best == pytest.approx(tour_length(np.tile(one, (len(every), 1, 1)), every).min())
        assert tour[0] == 0 and area(one[None], tour[None])[0] > 0


def test_local_search_finds_nearly_the_shortest(rng):
    points = rng.random((60, 10, 2))
    found, length = short_tours(points)
    assert (np.sort(found, axis=1) == np.arange(10)).all() and (found[:, 0] == 0).all()
    assert (area(points, found) > 0).all() and np.allclose(tour_length(points, found), length)
    best = tours(points)[1]
    assert (length >= best - 1e-9).all() and (length < best + 1e-9).mean() >= 0.95
    judged = PROBLEMS["tsp"].judge(rng.random((2, EXACT + 1, 2)), [list(range(EXACT + 1))] * 2)
    assert set(judged) == {"length", "searched", "beyond"} and judged["beyond"] > 0


@pytest.mark.parametrize("moves", [exchanges, shifts])
def test_a_move_changes_the_sides_it_says(moves, rng):
    away = rng.random((9, 9))
    away += away.T
    for order, new, old in zip(*moves(9), strict=True):
        assert sorted(order) == list(range(9))
        grown = sum(away[i, j] for i, j in new) - sum(away[i, j] for i, j in old)
        whole = sum(away[order[k], order[k - 1]] - away[k, k - 1] for k in range(9))
        assert whole == pytest.approx(grown)


def test_targets_by_hand():
    assert hulls(SQUARE[None]).tolist() == [[1, 4, 2, 3, -1]]
    found = triangulations(SQUARE[None])[0].tolist()
    assert found == [[0, 1, 3], [0, 1, 4], [0, 2, 3], [0, 2, 4], [-1, -1, -1]]
    points, targets = PROBLEMS["hull"].draw(np.random.default_rng(0), 4, 5)
    for row, corners in zip(targets, hulls(points), strict=True):
        assert row[row > 0].tolist() == [i + 1 for i in corners if i >= 0] and (row == 0).sum() == 1


@pytest.mark.parametrize("n", [3, 5, FEW])
def test_triangles_are_those_of_qhull(rng, n):
    points = rng.random((50, n, 2))
    kept = {(int(s), *map(int, t)) for s, t in zip(*whole(points), strict=True)}
    assert kept == {(int(s), *map(int, t)) for s, t in zip(*by_qhull(points), strict=True)}
    for one, found in zip(points, triangulations(points).tolist(), strict=True):
        real = [t for t in found if t[0] >= 0]
        assert real == sorted(real) and len(real) == len(Delaunay(one).simplices)


def test_sets_are_triangulated_from_left_to_right():
    points, targets = PROBLEMS["delaunay"].draw(np.random.default_rng(3), 20, 6)
    assert (np.diff(points[..., 0]) >= 0).all() and targets[:, :3].min() >= 1
    assert not (np.diff(PROBLEMS["hull"].sets(np.random.default_rng(3), 20, 6)[..., 0]) >= 0).all()


def test_judges():
    best = judge_hulls(SQUARE[None], [[2, 3, 1, 4]])
    assert best == {"accuracy": 1.0, "area": pytest.approx(1.0), "simple": 1.0}
    assert judge_hulls(SQUARE[None], [[4, 1, 3, 2]])["accuracy"] == 1.0  # the other way round
    crossed = judge_hulls(SQUARE[None], [[1, 2, 3, 4]])
    assert crossed["accuracy"] == 0 and crossed["simple"] == 0 and not simple(SQUARE[[1, 2, 3, 4]])
    part = judge_hulls(SQUARE[None], [[1, 2, 3]])
    assert part == {"accuracy": 0.0, "area": pytest.approx(0.5), "simple": 1.0}
    true = triangulations(SQUARE[None])[0, :4].ravel().tolist()
    assert judge_triangulations(SQUARE[None], [true]) == {"accuracy": 1.0, "coverage": 1.0}
    assert judge_triangulations(SQUARE[None], [true[:-3]]) == {"accuracy": 0.0, "coverage": 0.75}


def test_varied_tours_stay_the_shortest(rng):
    points, targets = PROBLEMS["tsp"].draw(rng, 30, 7)
    other, after = moved(rng, points, targets)
    assert not np.allclose(points, other)
    again, _ = tours(other)
    assert (after[:, :-1] - 1).tolist() == again.tolist()


def test_decoding():
    torch.manual_seed(0)
    net, points = PointerNetwork(8), torch.rand(20, 6, 2)
    paths = greedy(net, points, 6, tour=True)
    assert all(sorted(p) == list(range(6)) for p in paths)
    found, likely = beam(net, points, 10)
    assert all(sorted(p) == list(range(6)) for row in found.tolist() for p in row)
    assert (likely[:, :-1] >= likely[:, 1:]).all()
    told = torch.cat([found[:, 0] + 1, torch.zeros(20, 1, dtype=torch.long)], dim=1)
    scores = net(points, told)[:, :6]
    closed = torch.zeros(20, 6, 7, dtype=torch.bool).index_fill(2, torch.tensor([0]), True)
    for k in range(1, 6):
        closed[:, k] = closed[:, k - 1].scatter(1, told[:, k - 1 : k], True)
    chance = scores.masked_fill(closed, -torch.inf).log_softmax(-1).gather(2, told[:, :6, None]).sum((1, 2))
    assert torch.allclose(likely[:, 0], chance, atol=1e-5)
    # A beam of one is greedy.
    assert beam(net, points, 1)[0][:, 0].tolist() == paths


def test_a_run_goes_on_where_it_stopped(tmp_path):
    recipe = Recipe(hidden=8, examples=1280, batch=64)
    whole = train(recipe, tmp_path / "run.pt", every=640)
    assert whole.training is False
    kept = torch.load(tmp_path / "run.pt", weights_only=True)
    assert kept["seen"] == 1280
    again = train(recipe, tmp_path / "run.pt")
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), again.parameters(), strict=True))
    with pytest.raises(ValueError, match="was made by"):
        train(Recipe(hidden=8, examples=1280, batch=64, seed=1), tmp_path / "run.pt")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("pointer --n 2", "no fewer than 3"),
        ("pointer --n 5-", "5, or 5-10"),
        ("pointer --batch 0", "at least 1"),
        ("seq2seq --n 5-6", "one size of sets"),
        ("attention --from hull-5-10", "not attention"),
        ("pointer --from nothing", "hull-5-10"),
        ("pointer --device nowhere", "--device cpu"),
    ],
)
def test_what_train_refuses(options, says, capsys):
    try:
        assert main(["train", *options.split(), "--examples", "64"]) == 2
    except SystemExit as e:
        assert e.code == 2
    err = capsys.readouterr().err
    assert says in err and "Traceback" not in err


def test_a_run_as_it_is_typed(tmp_path, capsys):
    kept = str(tmp_path / "run.pt")
    assert main(["train", "attention", "--n", "4", "--hidden", "8", "--examples", "128", "-o", kept]) == 0
    assert "hull     n=4" in capsys.readouterr().out
    assert main(["evaluate", kept, "--n", "4", "--sets", "9"]) == 0
    assert "9 fresh sets" in capsys.readouterr().out
    assert main(["evaluate", kept, "--n", "5", "--sets", "9"]) == 2 and "no sets of 5" in capsys.readouterr().err


def test_a_run_starts_from_weights():
    recipe = Recipe(sizes=(8,), start="hull-5-10", examples=0)
    started, shipped_ = train(recipe), shipped.load("hull-5-10")
    assert all(torch.equal(a, b) for a, b in zip(started.parameters(), shipped_.parameters(), strict=True))
    with pytest.raises(ValueError, match=r"with 128 units .* not pointer with 8"):
        Recipe(hidden=8, start="hull-5-10").build()


def test_training_learns_where_the_first_corner_is():
    """The first output of a hull is its lowest index; after a few thousand examples the loss is below chance."""
    recipe = Recipe(hidden=32, examples=12_800, rate=1e-2)
    model = train(recipe)
    points, targets = PROBLEMS["hull"].draw(np.random.default_rng(9), 256, 5)
    scores = model(torch.from_numpy(points).float(), torch.from_numpy(targets))
    loss = torch.nn.functional.cross_entropy(scores.flatten(0, 1), torch.from_numpy(targets).flatten(), ignore_index=-1)
    assert loss < 1.5  # log 6 = 1.79


@pytest.mark.parametrize("name", shipped.names())
def test_what_is_shipped_solves_its_problem(name):
    recipe, model = shipped.recall(name)
    least = {"hull-5-10": 0.9, "hull-5-50": 0.86, "tsp-5-10": 0.85, "tsp-5-20": 0.85, "delaunay-5": 0.8}
    n = min(recipe.sizes)
    measures = evaluate(model, recipe.task, n, sets=400, seed=5)
    assert measures["optimal" if recipe.task == "tsp" else "accuracy"] >= least[name]


def test_the_shortest_of_a_beam_is_no_longer():
    model = shipped.load("tsp-5-10")
    greedily, ten = (evaluate(model, "tsp", 8, sets=60, seed=3, beam=k) for k in (None, 10))
    assert ten["gap"] < greedily["gap"] and ten["optimal"] >= 0.9


def test_a_wide_beam_finds_the_likeliest_answer():
    torch.manual_seed(2)
    net, points = PointerNetwork(8), torch.rand(2, 3, 2)
    for p in net.parameters():
        p.data *= 20  # far from equal chances
    every = [(*a, -1) for m in range(4) for a in product(range(3), repeat=m)] + list(product(range(3), repeat=4))
    told = torch.tensor([[*a, *[-1] * (4 - len(a))] for a in every])[:, :4] + 1
    for k in range(2):
        logs = net(points[k : k + 1].expand(len(told), 3, 2), told).log_softmax(-1)
        chance = logs.gather(2, told.unsqueeze(2)).squeeze(2)
        written = told.eq(0).cumsum(1) <= told.eq(0)  # to the first end
        best = (chance * written).sum(1).topk(3)
        found, likely = beam(net, points[k : k + 1], 60, longest=4, tour=False)
        assert torch.allclose(likely[0, :3], best.values, atol=1e-5)
        assert found[0, 0].tolist() == (told[best.indices[0]] - 1).tolist()
    one = beam(net, points, 1, tour=False)[0][:, 0]
    assert [row[row >= 0].tolist() for row in one] == greedy(net, points, 4)


def test_hulls_are_decoded_by_a_beam_too():
    measured = evaluate(shipped.load("hull-5-10"), "hull", 6, sets=50, seed=3, beam=3)
    assert measured["accuracy"] > 0.8


def test_shipped_weights_are_small():
    assert sum(p.stat().st_size for p in shipped.FOLDER.glob("*.pt")) <= 4_000_000
