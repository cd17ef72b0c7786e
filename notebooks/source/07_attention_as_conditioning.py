# %% [markdown]
# # 7. Attention as conditioning
#
# A bell, then food; a bell, then food. After a while the bell alone makes the dog's mouth water. Attention without its
# softmax is a memory of just that kind (Qiao, *Understanding Transformers through the Lens of Pavlovian Conditioning*,
# [arXiv 2508.08289v1](https://arxiv.org/abs/2508.08289)). This notebook draws the memory, conditions it, and tests
# what the paper says about how much it holds.
#
# | attention | conditioning | axis |
# |---|---|---|
# | key | the conditional stimulus (CS), the bell (`cue`) | `dk` |
# | value | the unconditional stimulus (US), food (`outcome`) | `dv` |
# | query | what is shown in a test (`test`) | `dk` |
# | fast weights | the association of the two (`state`) | `dk dv` |

# %%
import os

import matplotlib.pyplot as plt
import torch

import ncd
from ncd.models.conditioning import Circuit, Delta, Hebb, scores_first, store_first
from ncd.tasks import capacity
from ncd.tasks.phenomena import PHENOMENA, SUBJECTS, Subject, rescorla_wagner

QUICK = bool(os.environ.get("NCD_QUICK"))
_ = torch.manual_seed(0)
test, cue, outcome = ncd.array("q=7 dk=4"), ncd.array("n=6 dk=4"), ncd.array("n=6 dv=3")

# %% [markdown]
# ## The same lines, two ways to bend them first
#
# Linear attention is $Q K^\top V$: three arrays, two cups. Attention as one knows it compares tests with cues first.
# What is between the two cups is `q n`: *for each test, how much of each trial*.

# %%
scores = ncd.trace(scores_first, test, cue, outcome)
scores

# %% [markdown]
# But products of matrices may be bracketed as one likes. $Q (K^\top V)$ closes the cup over the trials first. What is
# between the cups is now `dk dv`: *for each feature of a cue, how much of each feature of an outcome*. The trials are
# gone; what is left of them is an association.

# %%
store = ncd.trace(store_first, test, cue, outcome)
store

# %% [markdown]
# The same answer, but not the same work. The first grows with tests times trials, the second with their sum: an
# association is made once, and then answers in constant time.

# %%
print("comparing first:  ", scores.cost().total.flops)
print("associating first:", store.cost().total.flops)
q, k, v = torch.randn(7, 4), torch.randn(6, 4), torch.randn(6, 3)
print("the same answer:  ", torch.allclose(scores_first(q, k, v), store_first(q, k, v), atol=1e-5))

# %% [markdown]
# ## Learning from one trial
#
# Hebb's rule: what occurs together is associated. The outer product of cue and outcome is added to the association.
# There is no cup, nothing is compared with anything.

# %%
one = ncd.array("dk=4 dv=3"), ncd.array("dk=4"), ncd.array("dv=3")
ncd.trace(Hebb(0.5).learn, *one).view(titles={"": "Hebb"})

# %% [markdown]
# The *delta rule* first asks what it expects of this cue (the cup), and learns only the difference, the surprise. That
# is one cup and one minus more. In machine learning it is DeltaNet (Schlag et al. 2021; Yang et al. 2024), in
# psychology the model of Rescorla and Wagner (1972).

# %%
ncd.trace(Delta(0.5).learn, *one).view(titles={"": "delta"})

# %% [markdown]
# Trial after trial it is a loop. The pentagons take one trial `n` at a time; the arrowheads at the bracket hand the
# association on to the next turn.

# %%
rule = Delta(0.5)
ncd.trace(rule.recurrent, ncd.array("n=6 dk=4"), cue, outcome).view(titles={"": "the delta rule, trial after trial"})

# %% [markdown]
# ## Condition it
#
# Twenty trials with the outcome, twenty without: a response is acquired, and extinguished. Hebb's memory never stops
# growing and never forgets. Softmax answers by the mean of what it has seen. The delta rule does what animals do.

# %%
figure, axes = plt.subplots(figsize=(6, 2.6), layout="constrained")
for name in ("hebb", "delta", "softmax"):
    subject = Subject(name)
    axes.plot(range(1, 41), subject.live([("A", 1)] * 20) + subject.live([("A", 0)] * 20), label=name)
axes.set(xlabel="trial (outcome in the first 20)", ylabel="response to A", ylim=(-0.1, 4.2))
_ = axes.legend(frameon=False)

# %% [markdown]
# *Blocking* (Kamin 1969): if A already announces the outcome, then a second cue X that is shown together with A is not
# learned, because nothing is surprising. In a control group, another cue came before.

# %%
for name in ("hebb", "delta", "softmax"):
    print(f"{name:<8}", {k: round(r, 3) for k, r in PHENOMENA["blocking"].measure(name).items()})

# %% [markdown]
# All memories, all phenomena. Where the delta rule says –, animals and the model of Rescorla and Wagner part ways too.

# %%
print(f"{'':<24}" + "".join(f"{name:>12}" for name in SUBJECTS))
for name, phenomenon in PHENOMENA.items():
    shown = ["yes" if phenomenon.shown(phenomenon.measure(subject)) else "–" for subject in SUBJECTS]
    print(f"{name:<24}" + "".join(f"{s:>12}" for s in shown))

# %% [markdown]
# ## How much does it hold?
#
# `n` random pairs are stored, and one of the cues is shown. The answer is the right outcome plus noise of all the
# others. The paper's theorem 6 gives an `n` below which *every* answer is close with high probability; it grows like
# √dk. Two other questions have other answers: where the noise becomes as strong as the answer (`1 + dk`), and up to
# which `n` the nearest stored outcome is still the right one.

# %%
sizes = (16, 32) if QUICK else (16, 32, 64, 128)
proven = [capacity.bound(d) for d in sizes]
close = [capacity.capacity_all_close(d, d) for d in sizes]
nearest = [capacity.capacity_nearest(d, d) for d in sizes]
figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
axes.loglog(sizes, nearest, "o-", label=f"nearest is right: exponent {capacity.slope(sizes, nearest):.2f}")
axes.loglog(sizes, [1 + d for d in sizes], ":", label="noise of power 1: 1 + dk")
axes.loglog(sizes, close, "o-", label=f"all within distance 1: exponent {capacity.slope(sizes, close):.2f}")
axes.loglog(sizes, proven, "--", label="theorem 6: exponent 0.50")
axes.set(xlabel="dk = dv", ylabel="pairs", xticks=sizes, xticklabels=sizes)
axes.minorticks_off()
_ = axes.legend(frameon=False, fontsize=8)

# %% [markdown]
# The bound is never broken, and never near: it is sufficient, from two loose inequalities, and not the capacity. The
# theorem also needs cues that point in all directions alike. With features that are only positive, as in many linear
# transformers, all cues resemble each other, and the noise doesn't shrink:

# %%
for name, features in {
    "as they are": None,
    "relu": torch.relu,
    "elu + 1": lambda x: torch.nn.functional.elu(x) + 1,
}.items():
    power = capacity.noise(64, 256, 256, 4 if QUICK else 20, features=features).mean()
    print(f"noise of 64 pairs at dk = 256, features {name:<12} {power:6.2f}")

# %% [markdown]
# ## Circuits upon circuits
#
# A layer makes tests, cues and outcomes from its input by learned maps (**L**<sup>test</sup>, **L**<sup>CS</sup>,
# **L**<sup>US</sup>: elsewhere they are called **L**<sup>Q</sup>, **L**<sup>K</sup>, **L**<sup>V</sup>), and adds the
# response to what was there. Two of them in a row can learn what one can't: the first that A announces food, the second
# that B announces A.

# %%
layers = torch.nn.Sequential(Circuit(16, 2, Delta(0.5)), Circuit(16, 2, Delta(0.5)))
ncd.trace(layers, ncd.array("b=2 n=12 d=16"))

# %%
print({name: round(r, 2) for name, r in PHENOMENA["second order"].measure("delta").items()})

# %% [markdown]
# ## Exercise 1: write the delta rule
#
# One trial: `state` (dk, dv), `cue` (dk,), `outcome` (dv,), and a `rate`. Return the state after it.
#
# <details><summary>Solution</summary>
#
# ```python
# def learn(state, cue, outcome, rate):
#     surprise = outcome - cue @ state
#     return state + rate * torch.outer(cue, surprise)
# ```
#
# </details>

# %% tags=["exercise"]
learn = ...

# %%
if learn is ...:
    print("Your turn.")
else:
    trials = (torch.rand(100, 3) < 0.5).double()
    outcomes, salience = torch.rand(100).double(), torch.tensor([1.0, 0.7, 0.4]).double()
    state, mine = torch.zeros(3, 1).double(), []
    for shown, v in zip(trials * salience, outcomes, strict=True):
        state = learn(state, shown, v[None], 0.2)
        mine.append(salience * state[:, 0])
    theirs = rescorla_wagner(trials, outcomes, salience, 0.2)
    difference = (torch.stack(mine) - theirs).abs().max()
    assert difference < 1e-12, f"differs from Rescorla and Wagner's by {difference:.2g}"
    print(f"Right: over 100 random trials it is Rescorla and Wagner's model, to {difference:.1g}.")

# %% [markdown]
# ## Exercise 2: when does it pay to associate?
#
# From how many trials `n` on does associating first take fewer FLOPs than comparing first, when there are as many tests
# as trials, and dk = dv = 64? (Solve by hand, or ask `.at(...)` of the two costs above.)
#
# <details><summary>Solution</summary>
#
# ```python
# first, second = scores.cost().total.flops, store.cost().total.flops
# pays = next(n for n in range(1, 200) if second.at(n=n, q=n, dk=64, dv=64) < first.at(n=n, q=n, dk=64, dv=64))
# ```
#
# 2·n·n·(dk + dv) > 4·n·dk·dv where n > dk·dv / ((dk + dv) / 2) = 64.
#
# </details>

# %% tags=["exercise"]
pays = ...

# %%
if pays is ...:
    print("Your turn.")
else:
    assert pays == 65, "n n (dk + dv) products against 2 n dk dv"
    print("Right: from 65 trials on.")

# %% [markdown]
# Each of these experiments is a command, too: `ncd experiment phenomena`, `capacity`, `depth`, `recall`.
#
# Next: [Llama and friends](08_llama_and_friends.ipynb).
