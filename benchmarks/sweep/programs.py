"""Programs as people write them: einops, einsum, vmap, torch.func, checkpoints, custom ops, control flow and hooks."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import einops
import torch
import torch.nn.functional as F
from einops import pack, rearrange, reduce, repeat, unpack
from einops.layers.torch import EinMix, Rearrange, Reduce
from torch import Tensor, nn
from torch.func import functional_call, grad, hessian, jacfwd, jacrev, jvp, stack_module_state, vjp, vmap
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

from benchmarks.sweep.case import Case, Subject, Suite

CASES: dict[str, Case] = {}


def case(name: str) -> Callable[[Callable[[], Any]], None]:
    """Note a program: a function that returns (target, *args), the last of them ``Keywords`` if there are any."""

    def note(make: Callable[[], Any]) -> None:
        def made() -> Subject:
            target, *args = make()
            kwargs = args.pop() if args and isinstance(args[-1], Keywords) else {}
            return Subject(target, tuple(args), dict(kwargs))

        assert name not in CASES, name
        CASES[name] = Case(name, made)

    return note


KNOWN = {
    "meta model": "it has no values to compute with; traced and drawn it is",
    "item in arithmetic": "the number that was read stays what it was while tracing; d.reads says where",
    "loop until": "the path taken is the traced one; d.reads says where",
    "mixture by nonzero": "the experts' rows are those of the traced values; d.reads says where",
    "seeded inside": "seeding the generator inside a program is no operation: other random numbers are drawn",
}


def suite() -> Suite:
    title = "programs of einops, einsum, transforms, control flow and writes"
    return Suite(title, list(CASES.values()), ("einops",), {}, KNOWN)


class Keywords(dict[str, Any]):
    """The keywords of a program."""


class Program(nn.Module):
    """A module whose forward is a function of itself and the inputs."""

    def __init__(self, fn: Callable[..., Any], **parts: Any) -> None:
        super().__init__()
        self.fn = fn
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.fn(self, *args, **kwargs)


def of(name: str, fn: Callable[..., Any], *shapes: Any, **parts: Callable[[], Any]) -> None:
    """A case whose target is a function of normal arrays; with parts, of a module that has them."""

    def make() -> Any:
        made = {k: p() for k, p in parts.items()}
        given = [s() if callable(s) else torch.randn(s) for s in shapes]
        return (Program(fn, **made) if made else fn, *given)

    case(name)(make)


class Training(nn.Sequential):
    """Modules in a row that stay in training."""

    def train(self, mode: bool = True) -> Training:
        super().train(True)
        return self


# ---------------------------------------------------------------- einops
of("einops rearrange", lambda x: rearrange(x, "b (h w) c -> b c h w", h=3), (2, 12, 5))
of("einops rearrange to list", lambda x: rearrange([x, x * 2, x + 1], "n b c -> b n c"), (4, 5))
of("einops reduce", lambda x: reduce(x, "b (h a) (w c) d -> b h w d", "max", a=2, c=3), (2, 4, 6, 5))
of("einops reduce to one", lambda x: reduce(x, "b c ... -> b c", "mean") - reduce(x, "... -> ", "sum"), (2, 3, 4, 5))
of("einops repeat", lambda x: repeat(x, "b c -> b (r c) n", r=3, n=2), (4, 5))
of("einops einsum", lambda q, k: einops.einsum(q, k, "b h i d, b h j d -> b h i j"), (2, 3, 4, 5), (2, 3, 6, 5))
of("einops patches", lambda x: rearrange(x, "b c (y p) (x q) -> b (y x) (p q c)", p=4, q=2), (2, 3, 12, 10))
of("einops ellipsis", lambda x: rearrange(x, "... (k d) -> k ... d", k=3).softmax(-1).sum(0), (2, 4, 12))


@case("einops pack and unpack")
def _() -> Any:
    def program(image: Tensor, text: Tensor, cls: Tensor) -> Any:
        tokens, shapes = pack([cls, image, text], "b * c")
        cls, image, text = unpack(tokens.softmax(1), shapes, "b * c")
        return cls, image, text

    return program, torch.randn(2, 3, 4, 5), torch.randn(2, 7, 5), torch.randn(2, 5)


@case("einops layers")
def _() -> Any:
    net = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        Reduce("b c (h a) (w b2) -> b c h w", "max", a=2, b2=2),
        Rearrange("b c h w -> b (h w) c"),
        nn.Linear(6, 4),
        Rearrange("b n c -> b c n"),
    )
    return net, torch.randn(2, 3, 8, 10)


@case("einops EinMix")
def _() -> Any:
    mix = EinMix("b (h c) n -> b h m n", weight_shape="h c m", bias_shape="h m", h=2, c=3, m=5)
    return mix, torch.randn(4, 6, 7)


@case("einops mixer")
def _() -> Any:
    class Mixer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens, self.channels, self.norm = nn.Linear(6, 6), nn.Linear(5, 5), nn.LayerNorm(5)

        def forward(self, x: Tensor) -> Tensor:
            y = rearrange(self.norm(x), "b n c -> b c n")
            x = x + rearrange(self.tokens(y), "b c n -> b n c")
            return x + self.channels(x).relu()

    return Mixer(), torch.randn(2, 6, 5)


@case("einops attention")
def _() -> Any:
    def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        q, k, v = (rearrange(t, "b n (h d) -> b h n d", h=2) for t in (q, k, v))
        weights = einops.einsum(q, k, "b h i d, b h j d -> b h i j").mul(3**-0.5).softmax(-1)
        return rearrange(einops.einsum(weights, v, "b h i j, b h j d -> b h i d"), "b h n d -> b n (h d)")

    return attention, torch.randn(2, 4, 6), torch.randn(2, 5, 6), torch.randn(2, 5, 6)


# ---------------------------------------------------------------- einsum
for text, *shapes in (
    ("ij,jk->ik", (3, 4), (4, 5)),
    ("ij,jk", (3, 4), (4, 5)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
    ("...ij,...jk->...ik", (2, 6, 3, 4), (6, 4, 5)),
    ("...i,i->...", (2, 3, 4), (4,)),
    ("i,j->ij", (3,), (4,)),
    ("i,i->", (4,), (4,)),
    ("ij->ji", (3, 4)),
    ("ij->j", (3, 4)),
    ("ij->", (3, 4)),
    ("bij,bj", (2, 3, 4), (2, 4)),
    ("bhqd,bhkd,bhke->bhqe", (2, 3, 4, 5), (2, 3, 6, 5), (2, 3, 6, 7)),
    ("ab,bc,cd,de->ae", (2, 3), (3, 4), (4, 5), (5, 6)),
    ("bn,anm,bm->ba", (2, 3), (4, 3, 5), (2, 5)),
    ("ijk,ijk->", (2, 3, 4), (2, 3, 4)),
    ("abc,cde,f->fdaeb", (2, 3, 4), (4, 5, 6), (7,)),
):
    of(f"einsum {text}", functools.partial(torch.einsum, text), *shapes)
of("einsum diagonal", lambda x: torch.einsum("ii->i", x), (4, 4))
of("einsum trace", lambda x: torch.einsum("ii->", x), (4, 4))
of("einsum batched trace", lambda x: torch.einsum("bii->b", x), (2, 4, 4))
of("einsum diagonal times", lambda x, y: torch.einsum("bii,bij->bj", x, y), (2, 4, 4), (2, 4, 5))
of("einsum size one broadcast", lambda x, y: torch.einsum("bi,bi->bi", x, y), (2, 4), (1, 4))
of("einsum sublists", lambda x, y: torch.einsum(x, [0, 1], y, [1, 2], [0, 2]), (3, 4), (4, 5))
of("einsum sublist ellipsis", lambda x, y: torch.einsum(x, [..., 0], y, [..., 0], [...]), (2, 3, 4), (2, 3, 4))
of("einsum of one array twice", lambda x: torch.einsum("bi,bj->bij", x, x), (2, 4))
of("einsum capital letters", lambda x, y: torch.einsum("aB,Bc->ac", x, y), (2, 4), (4, 3))
of("tensordot", lambda x, y: torch.tensordot(x, y, dims=([1, 2], [0, 1])), (2, 3, 4), (3, 4, 5))
of("bilinear form", lambda x, a, y: torch.einsum("bi,ij,bj->b", x, a, y), (2, 3), (3, 4), (2, 4))

# ---------------------------------------------------------------- vmap and torch.func
of("vmap", lambda x, y: vmap(torch.dot)(x, y), (3, 4), (3, 4))
of("vmap in_dims", lambda x, y: vmap(torch.mv, in_dims=(None, 1))(x, y), (3, 4), (4, 5))
of("vmap out_dims", lambda x: vmap(lambda v: (v.sin(), v.sum()), out_dims=(1, 0))(x), (3, 4))
of("vmap nested", lambda x, y: vmap(lambda a: vmap(lambda b: torch.dot(a, b))(y))(x), (3, 4), (5, 4))
of("vmap of dict", lambda x, y: vmap(lambda d: d["a"] * d["b"].sum())({"a": x, "b": y}), (3, 4), (3, 5))
of("vmap chunks", lambda x: vmap(lambda v: v.softmax(0), chunk_size=2)(x), (5, 4))
of("vmap softmax attention", lambda q, k, v: vmap(lambda q, k, v: (q @ k.T).softmax(-1) @ v)(q, k, v),
   (2, 3, 4), (2, 5, 4), (2, 5, 6))  # fmt: skip
of("vmap random different", lambda x: vmap(lambda v: F.dropout(v, 0.5), randomness="different")(x), (3, 40))
of("vmap index", lambda x, i: vmap(lambda v, j: v[j])(x, i), (3, 4), lambda: torch.tensor([0, 2, 1]))
of("vmap over a module", lambda s, x: vmap(s.lin)(x).relu(), (3, 2, 4), lin=lambda: nn.Linear(4, 5))
of("grad", lambda x: grad(lambda v: (v**3).sum())(x), (4,))
of("grad argnums", lambda x, y: grad(lambda a, b: (a * b).sin().sum(), argnums=(0, 1))(x, y), (4,), (4,))
of("per-sample grad", lambda w, x: vmap(grad(lambda w, x: (w @ x).tanh().sum()), (None, 0))(w, x), (3, 4), (5, 4))
of("jacrev", lambda x: jacrev(lambda v: v.sin() * v.sum())(x), (4,))
of("jacfwd", lambda x: jacfwd(lambda v: v.cos() * v[0])(x), (4,))
of("hessian", lambda x: hessian(lambda v: (v**3).sum() + v.prod())(x), (4,))
of("vjp", lambda x, g: vjp(lambda v: v.sin(), x)[1](g)[0], (4,), (4,))
of("jvp", lambda x, t: jvp(lambda v: v.exp() * v, (x,), (t,)), (4,), (4,))
of("autograd.grad inside", lambda x: _score(x), (4, 3))
of("laplacian", lambda x: vmap(lambda v: torch.trace(hessian(lambda u: (u**4).sum())(v)))(x), (3, 4))


def _score(x: Tensor) -> Tensor:
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        return torch.autograd.grad((x**2).sum().exp().log(), x)[0] + 1


@case("functional_call")
def _() -> Any:
    lin = nn.Linear(4, 3)

    def program(x: Tensor, scale: Tensor) -> Any:
        return functional_call(lin, {k: v * scale for k, v in lin.named_parameters()}, (x,))

    return program, torch.randn(2, 4), torch.randn(())


@case("ensemble by stacked state")
def _() -> Any:
    models = [nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)) for _ in range(3)]
    params, _ = stack_module_state(models)  # type: ignore[arg-type]
    base = models[0]

    class Ensemble(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weights = nn.ParameterDict({k.replace(".", "_"): nn.Parameter(v) for k, v in params.items()})

        def forward(self, x: Tensor) -> Tensor:
            given = {k: self.weights[k.replace(".", "_")] for k in params}
            return vmap(lambda p, x: functional_call(base, p, (x,)), (0, None))(given, x)

    return Ensemble(), torch.randn(2, 4)


@case("hypernetwork")
def _() -> Any:
    def program(s: Any, x: Tensor, z: Tensor) -> Tensor:
        w, b = s.make(z).split([12, 3], -1)
        return torch.einsum("bi,boi->bo", x, w.unflatten(-1, (3, 4))) + b

    return Program(program, make=nn.Linear(6, 15)), torch.randn(2, 4), torch.randn(2, 6)


# ---------------------------------------------------------------- checkpoints
def block() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 6), nn.GELU(), nn.Linear(6, 4))


of("checkpoint", lambda s, x: checkpoint(s.b, x, use_reentrant=False) + x, (2, 4), b=block)
of("checkpoint reentrant", lambda s, x: checkpoint(s.b, x, use_reentrant=True) + x, (2, 4), b=block)
of("checkpoint of a lambda", lambda s, x: checkpoint(lambda v: s.b(v).relu(), x, use_reentrant=False), (2, 4), b=block)
of("checkpoint_sequential", lambda s, x: checkpoint_sequential(s.b, 2, x, use_reentrant=False), (2, 4), b=block)
of("checkpoint nested", lambda s, x: checkpoint(lambda v: checkpoint(s.b, v, use_reentrant=False) + v, x,
   use_reentrant=False), (2, 4), b=block)  # fmt: skip
of("checkpoint keywords", lambda s, x: checkpoint(s.att, x, x, x, need_weights=False, use_reentrant=False)[0],
   (2, 3, 8), att=lambda: nn.MultiheadAttention(8, 2, batch_first=True))  # fmt: skip


@case("checkpoint in training with dropout")
def _() -> Any:
    net = Program(lambda s, x: checkpoint(s.b, x, use_reentrant=False), b=nn.Sequential(nn.Linear(4, 5), nn.Dropout()))
    return Training(net).train(), torch.randn(3, 4)


# ---------------------------------------------------------------- autograd functions
class Straight(torch.autograd.Function):
    """Rounds forward, passes gradients straight through."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.round()

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:  # type: ignore[override]
        return g


class WithContext(torch.autograd.Function):
    """The newer style, with a vmap generated."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, n: int) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        return x**n, x.sum(-1)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.n = inputs[1]

    @staticmethod
    def backward(ctx: Any, a: Tensor, b: Tensor) -> Any:  # type: ignore[override]
        return a, None


class InPlace(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.mark_dirty(x)
        return x.mul_(2)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:  # type: ignore[override]
        return 2 * g


of("autograd function", lambda x: Straight.apply(x * 3) + x, (3, 4))
of("autograd function with context", lambda x: WithContext.apply(x, 3)[0] + WithContext.apply(x, 2)[1][:, None], (3, 4))
of("autograd function under vmap", lambda x: vmap(lambda v: WithContext.apply(v, 2))(x), (3, 4))
of("autograd function in place", lambda x: InPlace.apply(x * 1) + 1, (3, 4))
of("autograd function under grad", lambda x: grad(lambda v: WithContext.apply(v, 2)[0].sum())(x), (4,))
of("vector quantiser", lambda s, x: s.table(((x[:, :, None] - s.table.weight) ** 2).sum(-1).argmin(-1)) - x.detach(),
   (2, 3, 4), table=lambda: nn.Embedding(7, 4))  # fmt: skip


# ---------------------------------------------------------------- compiled
def gelu_mlp(x: Tensor) -> Tensor:
    return F.gelu(x @ x.mT).sum(-1)


case("compiled function")(lambda: (torch.compile(gelu_mlp), torch.randn(3, 4)))
case("compiled module")(lambda: (torch.compile(nn.Sequential(nn.Linear(4, 5), nn.ReLU())), torch.randn(3, 4)))
case("compiled part")(
    lambda: (nn.Sequential(nn.Linear(4, 5), torch.compile(nn.Linear(5, 3)), nn.ReLU()), torch.randn(2, 4))
)
of("compiled inner function", lambda x: torch.compile(gelu_mlp, fullgraph=True)(x) + 1, (3, 4))


@case("module.compile()")
def _() -> Any:
    net = nn.Sequential(nn.Linear(4, 5), nn.Tanh())
    net[0].compile()
    return net, torch.randn(2, 4)


@case("compiler.disable and allow_in_graph")
def _() -> Any:
    @torch.compiler.disable
    def outside(x: Tensor) -> Tensor:
        return x.cumsum(-1)

    return (lambda x: outside(x) * 2), torch.randn(2, 4)


# ---------------------------------------------------------------- custom ops
@torch.library.custom_op("ncd_sweep::scaled_rows", mutates_args=())
def scaled_rows(x: Tensor, y: Tensor) -> Tensor:
    return torch.einsum("bi,b->bi", x, y)


@scaled_rows.register_fake
def _(x: Tensor, y: Tensor) -> Tensor:
    return torch.empty_like(x)


@torch.library.custom_op("ncd_sweep::no_fake", mutates_args=())
def no_fake(x: Tensor) -> Tensor:
    return x.cumsum(-1) + x.mean()


@torch.library.custom_op("ncd_sweep::through_numpy", mutates_args=())
def through_numpy(x: Tensor) -> Tensor:
    return torch.from_numpy(x.numpy().copy()[::-1].copy())


@torch.library.custom_op("ncd_sweep::write_rows", mutates_args={"x"})
def write_rows(x: Tensor, y: Tensor) -> None:
    x.add_(y)


@torch.library.custom_op("ncd_sweep::two_results", mutates_args=())
def two_results(x: Tensor, k: int) -> list[Tensor]:
    return [x.softmax(-1), x[:, :k].clone()]


LIBRARY = torch.library.Library("ncd_sweep_lib", "DEF")
LIBRARY.define("swish(Tensor x, float beta=1.0) -> Tensor")
LIBRARY.impl("swish", lambda x, beta=1.0: x * (beta * x).sigmoid(), "CompositeImplicitAutograd")
LIBRARY.define("rowmax(Tensor x) -> Tensor")
LIBRARY.impl("rowmax", lambda x: x.amax(-1, keepdim=True), "CPU")

of("custom op", lambda x, y: scaled_rows(x, y) + 1, (3, 4), (3,))
of("custom op without fake", lambda x: no_fake(x * 2) + 1, (3, 4))
of("custom op without fake after weights", lambda s, x: no_fake(s.lin(x)) + 1, (3, 4), lin=lambda: nn.Linear(4, 5))
of("custom op through numpy", lambda x: through_numpy(x * 2).relu(), (3, 4))
of("custom op that writes", lambda x, y: _written(x, y), (3, 4), (3, 4))
of("custom op of a list", lambda x: two_results(x, 2)[0].sum() + two_results(x, 2)[1], (3, 4))
of("library composite", lambda x: torch.ops.ncd_sweep_lib.swish(x, 2.0), (3, 4))
of("library kernel", lambda x: torch.ops.ncd_sweep_lib.rowmax(x) - x, (3, 4))
of("custom op called by torch.ops", lambda x, y: torch.ops.ncd_sweep.scaled_rows(x, y), (3, 4), (3,))
of("custom op under vmap", lambda x, y: vmap(torch.mul)(scaled_rows(x, y), x), (3, 4), (3,))


def _written(x: Tensor, y: Tensor) -> Tensor:
    x = x.clone()
    write_rows(x, y)
    return x * 2


# ---------------------------------------------------------------- control flow
of("cond", lambda x: torch.cond(x.sum() > 0, lambda v: v.sin(), lambda v: v.cos(), (x,)), (3, 4))
of("cond that differs in axes", lambda x: torch.cond(x.sum() > 0, lambda v: v.softmax(0), lambda v: v.softmax(1), (x,)),
   (3, 4))  # fmt: skip
of("cond on a bool", lambda s, x: torch.cond(x.shape[0] > 2, s.a, s.b, (x,)), (3, 4),
   a=lambda: nn.Linear(4, 4), b=lambda: nn.Linear(4, 4))  # fmt: skip
of("cond with modules", lambda s, x: torch.cond(x.mean() > 0, lambda v: s.a(v), lambda v: s.b(v), (x,)), (3, 4),
   a=lambda: nn.Linear(4, 4), b=lambda: nn.Linear(4, 4))  # fmt: skip


@case("while_loop")
def _() -> Any:
    from torch._higher_order_ops.while_loop import while_loop

    def program(x: Tensor) -> Any:
        return while_loop(lambda i, v: i < 3, lambda i, v: (i + 1, v * 2 + 1), (torch.tensor(0), x))[1]

    return program, torch.randn(3, 4)


@case("scan")
def _() -> Any:
    from torch._higher_order_ops.scan import scan

    def program(h: Tensor, xs: Tensor) -> Any:
        return scan(lambda h, x: ((h + x).tanh(), h * 2), h, xs, dim=0)

    return program, torch.randn(4), torch.randn(5, 4)


@case("associative_scan")
def _() -> Any:
    from torch._higher_order_ops.associative_scan import associative_scan

    def program(xs: Tensor) -> Any:
        return associative_scan(lambda a, b: a + b, xs, dim=0, combine_mode="generic")

    return program, torch.randn(5, 4)


@case("map")
def _() -> Any:
    from torch._higher_order_ops.map import map as mapped

    return (lambda xs, y: mapped(lambda x, y: x.sin() + y, xs, y)), torch.randn(5, 4), torch.randn(4)


@case("flex_attention")
def _() -> Any:
    from torch.nn.attention.flex_attention import flex_attention

    def program(q: Tensor, k: Tensor, v: Tensor) -> Any:
        return flex_attention(q, k, v, score_mod=lambda s, b, h, i, j: torch.where(i >= j, s, -float("inf")))

    return program, torch.randn(2, 3, 16, 8), torch.randn(2, 3, 16, 8), torch.randn(2, 3, 16, 8)


@case("flex_attention with a block mask")
def _() -> Any:
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    mask = create_block_mask(lambda b, h, i, j: i >= j, None, None, 16, 16, device="cpu")

    def program(q: Tensor, k: Tensor, v: Tensor) -> Any:
        return flex_attention(q, k, v, block_mask=mask, enable_gqa=True)

    return program, torch.randn(2, 4, 16, 8), torch.randn(2, 2, 16, 8), torch.randn(2, 2, 16, 8)


# ---------------------------------------------------------------- TorchScript and fx
class Scripted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(4, 5)

    def forward(self, x: Tensor, n: int = 2) -> Tensor:
        for _ in range(n):
            x = x * 2
        return torch.relu(self.lin(x))


case("script module")(lambda: (torch.jit.script(Scripted()), torch.randn(2, 4)))
case("traced module")(lambda: (torch.jit.trace(Scripted(), torch.randn(2, 4)), torch.randn(2, 4)))
case("script part")(lambda: (nn.Sequential(torch.jit.script(Scripted()), nn.Linear(5, 2)), torch.randn(2, 4)))
case("fx module")(
    lambda: (torch.fx.symbolic_trace(nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))), torch.randn(2, 4))
)


@torch.jit.script
def scripted_function(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y).tanh() + 1


of("script function", lambda x, y: scripted_function(x, y) * 2, (3, 4), (4, 5))


# ---------------------------------------------------------------- parametrizations
@case("parametrize")
def _() -> Any:
    class Symmetric(nn.Module):
        def forward(self, w: Tensor) -> Tensor:
            return w.triu() + w.triu(1).mT

    lin = nn.Linear(4, 4)
    nn.utils.parametrize.register_parametrization(lin, "weight", Symmetric())
    return nn.Sequential(lin, nn.ReLU()), torch.randn(2, 4)


case("weight_norm")(lambda: (nn.utils.parametrizations.weight_norm(nn.Linear(4, 5)), torch.randn(2, 4)))
case("spectral_norm")(lambda: (nn.utils.parametrizations.spectral_norm(nn.Linear(4, 5)).eval(), torch.randn(2, 4)))
case("spectral_norm in training")(
    lambda: (Training(nn.utils.parametrizations.spectral_norm(nn.Conv2d(3, 4, 3))).train(), torch.randn(2, 3, 6, 6))
)
case("orthogonal")(lambda: (nn.utils.parametrizations.orthogonal(nn.Linear(4, 4)), torch.randn(2, 4)))
case("old weight_norm")(lambda: (nn.utils.weight_norm(nn.Conv1d(3, 5, 3)), torch.randn(2, 3, 8)))
case("pruned")(lambda: (torch_prune(nn.Linear(4, 5)), torch.randn(2, 4)))


def torch_prune(module: nn.Module) -> nn.Module:
    from torch.nn.utils import prune

    return prune.random_unstructured(module, "weight", 0.5)


@case("LoRA by parametrization")
def _() -> Any:
    class LoRA(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Parameter(torch.randn(2, 6)), nn.Parameter(torch.randn(5, 2))

        def forward(self, w: Tensor) -> Tensor:
            return w + self.b @ self.a

    lin = nn.Linear(6, 5)
    nn.utils.parametrize.register_parametrization(lin, "weight", LoRA())
    return lin, torch.randn(3, 6)


# ---------------------------------------------------------------- calling conventions
@dataclass
class Out:
    hidden: Tensor
    extra: tuple[Tensor, ...]
    name: str = "out"


class Named(NamedTuple):
    left: Tensor
    right: Tensor


case("partial")(lambda: (functools.partial(torch.softmax, dim=-1), torch.randn(2, 4)))
of("dataclass output", lambda s, x: Out(s.lin(x), (x + 1, x * 2)), (2, 4), lin=lambda: nn.Linear(4, 3))
of("named tuple output", lambda x: Named(x.sum(0), x.sum(1)), (2, 4))
of("dict output", lambda x: {"a": x + 1, "b": {"c": [x * 2, x.sum()]}}, (2, 4))
of("input returned untouched", lambda x, y: (x, x + y, y), (2, 4), (2, 4))
of("input alone returned", lambda x: x, (2, 4))
of("one output twice", lambda x: ((y := x * 2), y), (2, 4))
of("view of an input returned", lambda x: x.mT, (2, 4))
of("None among the outputs", lambda x: (None, x + 1, None), (2, 4))
of("unused input", lambda x, y: x * 2, (2, 4), (3,))
of("a generator of outputs", lambda x: tuple(x[i] * i for i in range(3)), (3, 4))
of("string and numbers", lambda x: {"loss": x.sum(), "n": 3, "name": "m"}, (3, 4))


@case("named tuple input")
def _() -> Any:
    return (lambda pair: pair.left @ pair.right), Named(torch.randn(2, 3), torch.randn(3, 4))


@case("keywords only")
def _() -> Any:
    def program(*, query: Tensor, key: Tensor | None = None, scale: float = 1.0) -> Tensor:
        return query * scale + (0 if key is None else key)

    return program, Keywords(query=torch.randn(2, 4), key=torch.randn(4), scale=0.5)


@case("ModelOutput")
def _() -> Any:
    try:
        from transformers.modeling_outputs import BaseModelOutput
    except ImportError:
        return (lambda x: {"last_hidden_state": x * 2}), torch.randn(2, 3, 4)
    return (lambda x: BaseModelOutput(last_hidden_state=x * 2, hidden_states=(x, x + 1))), torch.randn(2, 3, 4)


@case("closure over tensors and modules")
def _() -> Any:
    table, lin = torch.randn(4, 4), nn.Linear(4, 3)

    def make(k: float) -> Any:
        def inner(x: Tensor) -> Tensor:
            return lin(x @ table) * k

        return inner

    return make(3.0), torch.randn(2, 4)


@case("callable object")
def _() -> Any:
    class Pipeline:
        def __init__(self) -> None:
            self.w, self.net = torch.randn(4, 5), nn.Linear(5, 2)

        def __call__(self, x: Tensor) -> Tensor:
            return self.net(x @ self.w)

    return Pipeline(), torch.randn(3, 4)


@case("bound method")
def _() -> Any:
    class Coder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.up, self.down = nn.Linear(4, 6), nn.Linear(6, 4)

        def encode(self, x: Tensor) -> Tensor:
            return self.up(x).relu()

        def forward(self, x: Tensor) -> Tensor:
            return self.down(self.encode(x))

    return Coder().encode, torch.randn(3, 4)


@case("list of modules in a plain list")
def _() -> Any:
    layers = [nn.Linear(4, 4) for _ in range(3)]

    class Hidden(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = layers[:]
            self.head = nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            for layer in self.layers:
                x = x + layer(x).relu()
            return self.head(x)

    return Hidden(), torch.randn(3, 4)


@case("generator function inside")
def _() -> Any:
    def halves(x: Tensor) -> Any:
        while x.shape[-1] > 1:
            yield x
            x = x[..., ::2] + x[..., 1::2]

    return (lambda x: torch.stack([h.sum(-1) for h in halves(x)])), torch.randn(3, 8)


@case("context manager inside")
def _() -> Any:
    @contextlib.contextmanager
    def scaled(x: Tensor) -> Any:
        yield x * 2

    def program(x: Tensor) -> Tensor:
        with scaled(x) as y:
            return y + 1

    return program, torch.randn(3, 4)


# ---------------------------------------------------------------- modes
case("dropout in training")(lambda: (Training(nn.Linear(4, 8), nn.Dropout(0.3)).train(), torch.randn(3, 4)))
of("functional dropout", lambda x: F.dropout(x, 0.4, training=True) * 2, (3, 8))
of("alpha dropout", lambda x: F.alpha_dropout(x, 0.4, training=True), (3, 8))
of("dropout2d", lambda x: F.dropout2d(x, 0.4, training=True), (3, 4, 5, 5))
of("random normal", lambda x: x + torch.randn_like(x) * 0.1 + torch.rand(4), (3, 4))
of("random with a generator", lambda x: x + torch.rand(4, generator=torch.Generator().manual_seed(3)), (3, 4))
of("seeded inside", lambda x: (torch.manual_seed(7), x + torch.randn(4))[1], (3, 4))
of("bernoulli and multinomial", lambda x: torch.bernoulli(x.sigmoid()) + torch.multinomial(x.softmax(-1), 4), (3, 4))
of("gumbel softmax", lambda x: F.gumbel_softmax(x, hard=True), (3, 4))
of("reparametrised sample", lambda m, s: torch.distributions.Normal(m, s.exp()).rsample() + 0, (3, 4), (3, 4))
of("log_prob", lambda m, x: torch.distributions.Categorical(logits=m).log_prob(x), (3, 4),
   lambda: torch.tensor([0, 1, 3]))  # fmt: skip
case("batch norm in training")(lambda: (Training(nn.BatchNorm2d(3)).train(), torch.randn(2, 3, 4, 5)))


def under(context: Callable[[], Any]) -> Callable[..., Any]:
    def program(s: Any, x: Tensor) -> Tensor:
        with context():
            return s.lin(x).relu() + 1

    return program


of("no_grad", under(torch.no_grad), (2, 4), lin=lambda: nn.Linear(4, 3))
of("enable_grad", under(torch.enable_grad), (2, 4), lin=lambda: nn.Linear(4, 3))
of("inference_mode", under(torch.inference_mode), (2, 4), lin=lambda: nn.Linear(4, 3))
of("autocast", under(lambda: torch.autocast("cpu", torch.bfloat16)), (2, 4), lin=lambda: nn.Linear(4, 3))
of("autocast off", under(lambda: torch.autocast("cpu", enabled=False)), (2, 4), lin=lambda: nn.Linear(4, 3))
of("sdpa kernel chosen", lambda q: _sdpa_kernel(q), (2, 3, 4, 8))
of("decorated no_grad", torch.no_grad()(lambda x: x.exp().sum(-1)), (2, 4))
of("detach and stop gradient", lambda x: x + (x.round() - x).detach(), (2, 4))


def _sdpa_kernel(q: Tensor) -> Tensor:
    from torch.nn.attention import SDPBackend, sdpa_kernel

    with sdpa_kernel(SDPBackend.MATH):
        return F.scaled_dot_product_attention(q, q, q, is_causal=True)


# ---------------------------------------------------------------- writing
def chain(x: Tensor) -> Tensor:
    x = x.clone()
    x.mul_(2).add_(1).clamp_(min=0)
    x[:, 0] = x[:, 1]
    x[0].zero_()
    x.T[1] += 3
    x[x > 4] = 4
    return x


def copied(x: Tensor) -> Tensor:
    out = torch.zeros(5, 4)
    for i in range(3):
        out[i].copy_(x[i] * i)
    out[3:] = x[:2]
    return out


of("in-place chain", chain, (3, 4))
of("filled row by row", copied, (3, 4))
of("swap through a view", lambda x: _swap(x), (4, 6))
of("index_put and scatter", lambda x, i: x.clone().scatter_add_(1, i, x).index_add_(0, torch.tensor([0, 2]), x[:2]),
   (3, 4), lambda: torch.randint(0, 4, (3, 4)))  # fmt: skip
of("accumulated", lambda x: _accumulated(x), (5, 4))
of("squeeze_ and t_", lambda x: (x * 1).unsqueeze_(0).squeeze_(0).t_() + 1, (3, 4))
of("resize of an out", lambda x: torch.matmul(x, x.mT, out=torch.empty(3, 3)) + 1, (3, 4))
of("input written", lambda x: x.add_(1) * 2, (3, 4))
of("input written and returned", lambda x: (x.mul_(2), x[0] + 1), (3, 4))
of("fill_diagonal_", lambda x: (x @ x.mT).fill_diagonal_(0.0).softmax(-1), (3, 4))
of("masked_fill_ on a view", lambda x: _masked(x), (3, 4))
of("chunks written", lambda x: _chunks(x), (3, 6))
of("set through as_strided", lambda x: x.clone().as_strided((2, 2), (4, 1)).add_(1), (3, 4))
of("foreach", lambda x, y: torch._foreach_add([x, y], 1.0), (3,), (4,))


def _swap(x: Tensor) -> Tensor:
    x = x * 1
    a, b = x[:2], x[2:]
    t = a.clone()
    a.copy_(b)
    b.copy_(t)
    return x


def _accumulated(x: Tensor) -> Tensor:
    total = torch.zeros(4)
    for row in x:
        total += row * row
    return total.sqrt()


def _masked(x: Tensor) -> Tensor:
    y = x * 2
    y[:, 1:].masked_fill_(y[:, 1:] > 0, 0.0)
    return y


def _chunks(x: Tensor) -> Tensor:
    y = x * 2
    for i, part in enumerate(y.chunk(3, -1)):
        part.mul_(i)
    return y


@case("weight written in forward")
def _() -> Any:
    class Decayed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.randn(4, 3))

        def forward(self, x: Tensor) -> Tensor:
            with torch.no_grad():
                self.w.mul_(0.9)
            return x @ self.w

    return Decayed(), torch.randn(2, 4)


@case("weight normalised in forward")
def _() -> Any:
    class Unit(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.randn(4, 3))

        def forward(self, x: Tensor) -> Tensor:
            self.w.data = F.normalize(self.w.data, dim=0)
            return x @ self.w

    return Unit(), torch.randn(2, 4)


@case("buffers updated")
def _() -> Any:
    class Running(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("mean", torch.zeros(4))
            self.register_buffer("count", torch.zeros((), dtype=torch.long))

        def forward(self, x: Tensor) -> Tensor:
            self.count += 1
            self.mean.lerp_(x.mean(0), 0.1)
            return (x - self.mean) / self.count

    return Running(), torch.randn(3, 4)


@case("buffer replaced")
def _() -> Any:
    class Cache(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("past", torch.zeros(2, 4))

        def forward(self, x: Tensor) -> Tensor:
            self.past = torch.cat([self.past[1:], x[:1]])
            return self.past.sum(0) + x

    return Cache(), torch.randn(3, 4)


@case("tied weights")
def _() -> Any:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.e, self.o = nn.Embedding(11, 6), nn.Linear(6, 11, bias=False)
            self.o.weight = self.e.weight

        def forward(self, i: Tensor) -> Tensor:
            return self.o(self.e(i).tanh())

    return Tied(), torch.randint(0, 11, (2, 5))


@case("shared module twice")
def _() -> Any:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(4, 4)
            self.b = self.a

        def forward(self, x: Tensor) -> Tensor:
            return self.b(self.a(x).relu())

    return Shared(), torch.randn(2, 4)


@case("meta model")
def _() -> Any:
    with torch.device("meta"):
        net = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True).eval()
    return net, torch.empty(2, 5, 16, device="meta")


@case("lazy module")
def _() -> Any:
    net = nn.Sequential(nn.LazyLinear(5), nn.ReLU())
    net(torch.randn(2, 4))
    return net, torch.randn(2, 4)


# ---------------------------------------------------------------- hooks
def hooked(register: Callable[[nn.Module], Any]) -> Callable[[], Any]:
    def make() -> Any:
        net = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))
        register(net[0])
        return net, torch.randn(2, 4)

    return make


case("forward hook that changes")(hooked(lambda m: m.register_forward_hook(lambda m, x, y: y * 2)))
case("forward pre-hook that changes")(hooked(lambda m: m.register_forward_pre_hook(lambda m, x: (x[0] + 1,))))
case("forward hook with kwargs")(
    hooked(lambda m: m.register_forward_hook(lambda m, x, k, y: y.relu(), with_kwargs=True))
)
case("full backward hooks")(hooked(lambda m: m.register_full_backward_hook(lambda m, g, h: None)))
case("backward pre-hook")(hooked(lambda m: m.register_full_backward_pre_hook(lambda m, g: None)))
case("hook that stores")(hooked(lambda m: m.register_forward_hook(lambda m, x, y: setattr(m, "kept", y))))
of("tensor hook", lambda s, x: (y := s.lin(x), y.requires_grad and y.register_hook(lambda g: g), y.relu())[2], (2, 4),
   lin=lambda: nn.Linear(4, 3))  # fmt: skip

# ---------------------------------------------------------------- kinds of numbers
of("complex", lambda x, y: torch.view_as_real(torch.complex(x, y) * torch.complex(y, x)), (3, 4), (3, 4))
of("complex rotary", lambda x: torch.view_as_real(
    torch.view_as_complex(x.unflatten(-1, (-1, 2))) * torch.polar(torch.ones(5, 3), torch.arange(15.0).view(5, 3))
).flatten(-2), (2, 5, 6))  # fmt: skip
of("complex conj and abs", lambda x: (x.conj() * x).real + x.abs() + x.angle(), lambda: torch.randn(3, 4) + 1j)
of("fft", lambda x: torch.fft.fft(x).abs(), (3, 8))
of("rfft and irfft", lambda x: torch.fft.irfft(torch.fft.rfft(x) * 2, n=8), (3, 8))
of("fft2 mixing", lambda x: torch.fft.fft2(x, dim=(-1, -2)).real, (2, 5, 6))
of("fft long convolution", lambda x, k: torch.fft.irfft(torch.fft.rfft(x, 16) * torch.fft.rfft(k, 16), 16)[..., :8],
   (2, 8), (8,))  # fmt: skip
of("fftshift", lambda x: torch.fft.fftshift(torch.fft.fftn(x)).abs(), (4, 5))
of("stft", lambda x: torch.stft(x, 8, return_complex=True).abs(), (2, 64))
of("sparse times dense", lambda x: torch.sparse.mm(torch.eye(3).to_sparse(), x), (3, 4))
of("sparse to dense", lambda x: x.relu().to_sparse().to_dense() + 1, (3, 4))
of("sparse csr", lambda x: torch.eye(3).to_sparse_csr() @ x, (3, 4))
of("sparse adjacency", lambda x, i: torch.sparse_coo_tensor(i, torch.ones(4), (3, 3)) @ x, (3, 4),
   lambda: torch.tensor([[0, 1, 2, 0], [1, 2, 0, 2]]))  # fmt: skip
of("dtype changes", lambda x: (x.half().float() + x.double()).to(torch.float32).to(torch.int32).long() * 2, (3, 4))
of("bits read as another dtype", lambda x: x.view(torch.int32) + 1, (3, 4))
of("integer arithmetic", lambda i: (i // 2 + i % 3 << 1) ^ 5, lambda: torch.randint(0, 50, (3, 4)))
of("bool arithmetic", lambda x: ((x > 0) & ~(x > 1)).float() * x, (3, 4))
of("float8 cast", lambda x: x.to(torch.float8_e4m3fn).float() * 2, (3, 4))
of("quantised by hand", lambda x: (x / 0.1).round().clamp(-128, 127).to(torch.int8).float() * 0.1, (3, 4))
of("bfloat16 model", lambda s, x: s.lin(x.bfloat16()).float(), (3, 4), lin=lambda: nn.Linear(4, 5).bfloat16())
of("double model", lambda s, x: s.lin(x.double()), (3, 4), lin=lambda: nn.Linear(4, 5).double())

# ---------------------------------------------------------------- edges of size
of("empty input", lambda x: torch.cat([x, torch.ones(2, 4)]).sum(0), lambda: torch.empty(0, 4))
of("empty output", lambda x: x[:, 4:] * 2, (3, 4))
of("empty contraction", lambda x, y: x @ y, lambda: torch.empty(3, 0), lambda: torch.empty(0, 4))
of("scalar in and out", lambda x: x * 2 + 1, ())
of("zero-dim everywhere", lambda x, y: (x.sum() * y).exp() + y, (3, 4), ())
of("sizes of one", lambda x: (x.sum(0, keepdim=True) @ x.mT).softmax(-1).squeeze(), (1, 1))
of("batch of one", lambda s, x: s.lin(x).relu().mean(0), (1, 4), lin=lambda: nn.Linear(4, 1))
of("scalar to vector", lambda x: x.expand(5) + torch.arange(5.0), ())
of("nested empty lists", lambda x: torch.cat([x[:0], x, x[3:]]), (3, 4))
of("one element indexed", lambda x: x[0, 0] + x[-1, -1], (3, 4))
of("long chain of views", lambda x: x.view(3, 2, 2).mT.reshape(6, 2).unfold(0, 2, 2).flip(0).squeeze()[..., None],
   (3, 4))  # fmt: skip

# ---------------------------------------------------------------- reading values
of("item in arithmetic", lambda x: x * x.max().item(), (3, 4))
of("bool of a tensor", lambda x: x + 1 if x.sum() > -1e9 else x, (3, 4))
of("loop until", lambda x: _until(x), (3, 4))
of("nonzero", lambda x: x[x.sum(1).abs().nonzero()[:, 0]].sum(0), (3, 4))
of("tolist of indices", lambda x: torch.stack([x[i] for i in [2, 0]]) + len(x.tolist()), (3, 4))
of("unique", lambda i: torch.nn.functional.one_hot(i.unique(), 10).float(), lambda: torch.tensor([1, 3, 3, 2]))
of("mixture by nonzero", lambda s, x: _mixture(s, x), (6, 4), gate=lambda: nn.Linear(4, 2),
   experts=lambda: nn.ModuleList(nn.Linear(4, 4) for _ in range(2)))  # fmt: skip


def _until(x: Tensor) -> Tensor:
    for _ in range(10):
        if x.norm() < 1:
            break
        x = x / 2
    return x


def _mixture(s: Any, x: Tensor) -> Tensor:
    chosen, out = s.gate(x).argmax(-1), torch.zeros_like(x)
    for k, expert in enumerate(s.experts):
        at = torch.where(chosen == k)[0]
        out[at] = expert(x[at])
    return out


# ---------------------------------------------------------------- whole algorithms, written by hand
of("layer norm by hand", lambda x: (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True) + 1e-5).sqrt(), (3, 4))
of("softmax by hand", lambda x: (e := (x - x.amax(-1, keepdim=True)).exp()) / e.sum(-1, keepdim=True), (3, 4))
of("sliding windows", lambda x: (x.unfold(-1, 3, 1) * torch.tensor([1.0, 2, 1])).sum(-1), (2, 8))
of("pairwise distances", lambda x, y: (x[:, None] - y[None]).pow(2).sum(-1).sqrt(), (3, 4), (5, 4))
of("cdist and topk", lambda x, y: torch.cdist(x, y).topk(2, largest=False).values, (3, 4), (5, 4))
of("cosine similarity", lambda x, y: F.cosine_similarity(x[:, None], y[None], dim=-1), (3, 4), (5, 4))
of("contrastive loss", lambda x, y: F.cross_entropy(F.normalize(x, dim=-1) @ F.normalize(y, dim=-1).mT,
   torch.arange(3)), (3, 4), (3, 4))  # fmt: skip
of("recurrence", lambda s, x: _recurrence(s, x), (2, 5, 4), cell=lambda: nn.GRUCell(4, 6))
of("state-space scan", lambda a, x: _scan(a, x), (4,), (2, 5, 4))
of("linear attention", lambda q, k, v: q.softmax(-1) @ (k.softmax(-2).mT @ v), (2, 5, 3), (2, 5, 3), (2, 5, 4))
of("relative positions", lambda s, x: x @ x.mT + s.bias(torch.arange(5)[:, None] - torch.arange(5) + 4)[..., 0],
   (2, 5, 4), bias=lambda: nn.Embedding(9, 1))  # fmt: skip
of("alibi", lambda x: (x @ x.mT - (torch.arange(5)[:, None] - torch.arange(5)).abs()
   * 0.5 ** torch.arange(2).view(2, 1, 1)).softmax(-1), (2, 5, 4))  # fmt: skip
of("segment sums", lambda x, i: torch.zeros(3, 4).index_add(0, i, x) / torch.bincount(i, minlength=3)[:, None].clamp(1),
   (5, 4), lambda: torch.tensor([0, 1, 1, 2, 0]))  # fmt: skip
of("graph convolution", lambda s, x, e: s.lin(torch.zeros_like(x).scatter_reduce(0, e[1][:, None].expand(-1, 4),
   x[e[0]], "amax", include_self=False)), (5, 4), lambda: torch.randint(0, 5, (2, 7)),
   lin=lambda: nn.Linear(4, 3))  # fmt: skip
of("affine grid", lambda x, t: F.grid_sample(x, F.affine_grid(t, [2, 3, 4, 5], align_corners=False),
   align_corners=False), (2, 3, 6, 7), (2, 2, 3))  # fmt: skip
of("depth to space", lambda x: rearrange(F.pixel_shuffle(x, 2), "b c h w -> b h w c"), (2, 8, 3, 4))
of("Sinkhorn", lambda x: _sinkhorn(x), (4, 5))
of("power iteration", lambda a, v: _power(a, v), (4, 4), (4,))
of("newton solve", lambda a, b: torch.linalg.solve(a @ a.mT + torch.eye(4), b), (4, 4), (4, 2))
of("SVD low rank", lambda a: (s := torch.linalg.svd(a, full_matrices=False)).U[:, :2] * s.S[:2] @ s.Vh[:2], (5, 4))
of("roll and window partition", lambda x: torch.roll(x, (-1, -1), (1, 2)).view(2, 2, 2, 3, 2, 4).transpose(2, 3)
   .reshape(-1, 4, 4), (2, 4, 6, 4))  # fmt: skip
of("beam expansion", lambda x: (t := x.flatten(1).topk(3)).values + t.indices // 4, (2, 3, 4))
of("KV cache grown", lambda s, x: _cached(s, x), (2, 4, 6), q=lambda: nn.Linear(6, 6), kv=lambda: nn.Linear(6, 12))


def _recurrence(s: Any, x: Tensor) -> Tensor:
    h = x.new_zeros(2, 6)
    out = []
    for t in range(x.shape[1]):
        h = s.cell(x[:, t], h)
        out.append(h)
    return torch.stack(out, 1)


def _scan(a: Tensor, x: Tensor) -> Tensor:
    h, out = torch.zeros(2, 4), []
    for row in x.unbind(1):
        h = a.sigmoid() * h + row
        out.append(h)
    return torch.stack(out, 1)


def _sinkhorn(x: Tensor) -> Tensor:
    for _ in range(3):
        x = x - x.logsumexp(0, keepdim=True)
        x = x - x.logsumexp(1, keepdim=True)
    return x.exp()


def _power(a: Tensor, v: Tensor) -> Tensor:
    for _ in range(3):
        v = F.normalize(a @ v, dim=0)
    return v @ (a @ v)


def _cached(s: Any, x: Tensor) -> Tensor:
    keys = values = None
    out = []
    for t in range(4):
        k, v = s.kv(x[:, t : t + 1]).chunk(2, -1)
        keys = k if keys is None else torch.cat([keys, k], 1)
        values = v if values is None else torch.cat([values, v], 1)
        out.append(F.scaled_dot_product_attention(s.q(x[:, t : t + 1]), keys, values))
    return torch.cat(out, 1)
