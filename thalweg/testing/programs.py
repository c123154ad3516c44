"""Random programs of the kind that users write: plain source over a pool of tensors, valid for thalweg and torch.

A program is a tuple of statements, each one line of Python. It is drawn by running it, statement after statement, on
the eager tier, so that the shapes and types of what is in the pool are known when the next line is chosen.
"""

from __future__ import annotations

import random
import re
import warnings
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from math import inf, nan
from types import CodeType, ModuleType
from typing import Any

import numpy as np

from ..ir.dtype import bool_, int32, int64, uint8
from ..runtime.tiers import tier
from ..tensor import Tensor

HEAD = "from math import inf, nan\n\nimport thalweg as t\n\nF = t.nn.functional\n"
_NAMES = re.compile(r"\b[a-z]+\d+\b")
_HOLES = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Statement:
    """One line of a program."""

    source: str
    makes: tuple[str, ...] = ()

    def reads(self) -> set[str]:
        """The names from the pool that the line needs."""
        return set(_NAMES.findall(self.source)) - set(self.makes)

    @property
    def line(self) -> str:
        return f"{', '.join(self.makes)} = {self.source}" if self.makes else self.source


Program = tuple[Statement, ...]


def source(program: Program) -> str:
    """The program as a file that can be run."""
    return HEAD + "\n".join(statement.line for statement in program) + "\n"


@lru_cache(4096)
def _code(line: str) -> CodeType:
    return compile(line, "<random program>", "exec")


def namespace(framework: ModuleType) -> dict[str, Any]:
    """The names that a program begins with."""
    return {"t": framework, "F": framework.nn.functional, "inf": inf, "nan": nan}


def execute(statement: Statement, names: dict[str, Any]) -> None:
    """Run one line over ``names``."""
    exec(_code(statement.line), names)


_WORDS: dict[str, tuple[str, ...]] = {
    "one": tuple(
        ["exp", "expm1", "tanh", "sigmoid", "relu", "neg", "square", "abs", "sqrt", "rsqrt", "log", "log1p", "sin", "cos", "floor", "ceil", "round", "trunc", "sign", "erf", "reciprocal", "isnan", "isfinite", "logical_not", "atan", "exp2"]
    ),
    "activation": tuple(["relu", "gelu", "silu", "softplus", "elu", "leaky_relu", "tanh", "logsigmoid"]),
    "infix": ("+", "+", "-", "*", "*", "/"),
    "compare": ("<", "<=", ">", ">=", "==", "!="),
    "two": tuple(["maximum", "minimum", "atan2", "hypot", "fmod", "remainder", "add", "mul", "sub"]),
    "logic": ("logical_and", "logical_or", "logical_xor"),
    "bits": ("&", "|", "^"),
    "fold": tuple(["sum", "sum", "mean", "amax", "amin", "prod"]),
    "spread": ("var", "std"),
    "arg": ("argmax", "argmin"),
    "extreme": ("max", "min"),
    "soft": ("softmax", "log_softmax"),
    "write": tuple(["add_", "sub_", "mul_", "div_", "copy_"]),
    "augment": ("+=", "-=", "*="),
    "shrink": ("tanh_", "sigmoid_", "neg_", "abs_", "relu_", "zero_"),
    "type": ("float32", "float64", "int64", "int32", "bool"),
    "flag": ("True", "False"),
    "s": ("0", "1", "2", "-1", "3", "0.5", "-0.25", "1.5", "True", "0.1"),
    "h": ("0.5", "2.0", "-0.5", "0.1"),
    "p": ("1", "2", "3"),
    "loss": ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"),
    "reduction": ("mean", "sum", "none"),
    "made": ("create_graph=True", "create_graph=True", "retain_graph=True", "retain_graph=False"),
    "first": ("0", "-1"),
    "layer": ("ReLU()", "Sigmoid()", "Tanh()", "GELU()", "Softplus()", "LeakyReLU(0.3)", "Softmax(-1)", "Identity()"),
    "optimizer": (
        "SGD({leaves}, lr=0.1)", "SGD({leaves}, lr=0.1, momentum=0.9)", "Adam({leaves}, lr=0.05)",
        "AdamW({leaves}, lr=0.05)", "RMSprop({leaves}, lr=0.01)",
    ),
}  # fmt: skip

# Templates of what a new tensor is made by; holes in braces are filled by _Drawing. The number is how often.
_RESULTS: tuple[tuple[int, str], ...] = (
    (8, "t.{one}({x})"), (2, "F.{activation}({f})"), (10, "{x} {infix} {y}"), (4, "{x} {infix} {s}"),
    (2, "{s} {infix} {x}"), (3, "{x} {compare} {y}"), (2, "{x} {compare} {s}"), (3, "t.{two}({x}, {y})"),
    (1, "t.{logic}({x}, {y})"), (1, "{b} {bits} {b}"), (1, "{i} {bits} {i}"), (1, "{x} ** {p}"), (1, "{f} ** 0.5"),
    (3, "t.where({b}, {x}, {y})"), (1, "t.where({x} > 0, {same}, {s})"), (2, "{x}.clamp({h})"),
    (1, "{f}.clamp(-1.0, 0.5)"), (1, "{f}.clamp(max={f})"), (1, "{i} // {p}"), (1, "{i} % {p}"),
    (5, "{x}.{fold}({axis})"), (3, "{x}.{fold}({axis}, keepdim={flag})"), (3, "{f}.sum({axes}, keepdim={flag})"),
    (2, "{f}.mean({axes})"), (2, "{x}.sum()"), (1, "{f}.mean()"), (2, "{f}.{spread}({axis}, keepdim={flag})"),
    (1, "{f}.{extreme}()"), (1, "{x}.any({axis})"), (1, "{x}.all()"), (2, "{x}.{arg}({axis})"), (1, "{f}.norm()"),
    (1, "{f}.logsumexp({axis})"), (3, "F.{soft}({f}, {axis})"), (2, "F.layer_norm({f}, {f}.shape[-1:])"),
    (2, "{x}.cumsum({axis})"), (1, "{f}.cumprod({axis})"), (3, "{x}[{index}]"), (3, "{x}[{index}]"),
    (2, "{x}.transpose({axis}, {axis})"), (2, "{x}.permute({order})"), (2, "{x}.reshape({sizes})"),
    (1, "{x}.reshape(-1)"), (2, "{x}.unsqueeze({edge})"), (1, "{x}.squeeze()"), (2, "{x}.expand({wide})"),
    (1, "{x}.diagonal()"), (1, "{x}.narrow({axis}, 0, {p})"), (1, "{x}.flip({axis})"), (1, "{x}.roll({p}, {axis})"),
    (1, "t.tril({m})"), (1, "{x}.unbind({axis})[0]"), (1, "{x}.chunk(2, {axis})[-1]"), (5, "{f} @ {g}"),
    (3, "{m} @ {m}"), (2, "{m} @ {same}.t()"), (1, "F.linear({f}, {m})"), (1, "t.outer({f}, {g})"),
    (2, "t.cat([{x}, {y}], {axis0})"), (2, "t.stack([{x}, {y}])"), (1, "F.pad({x}, ({p}, {p}))"),
    (2, "t.gather({x}, {axis}, {same}.argsort(dim={axis}, stable=True))"), (1, "{x}.sort(dim={axis}, stable=True).values"),
    (1, "{f}.sort(descending=True, stable=True).values"), (2, "{x}.index_select(0, {picks})"), (2, "{x}[{picks}]"),
    (1, "F.embedding(t.tensor([0, 1, 0]), {m})"), (1, "{x}[{b}]"), (1, "{x}.masked_fill({b}, {s})"),
    (1, "t.zeros(4, dtype={f}.dtype).index_add(0, {labels}, {same}.reshape(-1))"),
    (1, "t.zeros_like({x}).scatter(0, {same}.argsort(0), {same})"), (1, "{x}.clone()"), (2, "{x}.detach()"),
    (1, "{leaf}.data"), (2, "{leaf}.grad"), (1, "{leaf}.grad.clone()"), (2, "{n}.to(t.{type})"),
    (1, "{x}.double()"), (1, "{f}.float()"), (1, "t.ones_like({x})"), (2, "F.{loss}({f}, {y})"),
    (1, "F.cross_entropy({m}, {m}.argmax(1))"), (1, "F.conv2d({f}.reshape(1, 1, 2, -1), t.ones(2, 1, 2, 1, dtype={f}.dtype))"),
    (1, "F.max_pool2d({f}.reshape(1, 1, 2, -1), 2)"), (1, "F.avg_pool2d({f}.reshape(1, 1, 2, -1), (2, 1))"),
    (1, "t.einsum('...i,...i->...', {f}, {y})"), (1, "t.triu({m}, 1)"), (1, "{x}.contiguous()"),
    # gradients as values
    (3, "t.autograd.grad({tape}.sum(), {leaves}, {made}, allow_unused=True, materialize_grads=True)[{first}]"),
    (3, "t.autograd.grad(({tape} * {y}).sum(), {leaf}, {made}, allow_unused=True)[0]"),
    (2, "t.autograd.grad(({tape} ** 2).mean(), {leaf}, create_graph=True)[0].norm()"),
    (1, "t.autograd.grad({tape}, {leaf}, t.ones_like({tape}), {made}, allow_unused=True)[0]"),
    # losses and norms
    (2, "F.cross_entropy({m}, {classes}, reduction='{reduction}')"), (1, "F.cross_entropy({m}, {classes}, label_smoothing=0.1)"),
    (1, "F.cross_entropy({m}, {classes}, ignore_index=1)"), (1, "F.cross_entropy({m}, {same}.detach().softmax(1))"),
    (1, "F.cross_entropy({m}, {classes}, weight={along})"), (1, "F.nll_loss(F.log_softmax({m}, 1), {classes}, reduction='{reduction}')"),
    (1, "F.binary_cross_entropy_with_logits({f}, {same}.detach().sigmoid(), reduction='{reduction}')"),
    (1, "F.binary_cross_entropy({f}.sigmoid(), ({same} > 0).to({same}.dtype))"),
    (1, "F.kl_div(F.log_softmax({f}, -1), F.softmax({same}.detach() * 0.5, -1), reduction='batchmean')"),
    (2, "F.layer_norm({f}, {same}.shape[-1:], {along}, {along})"), (1, "F.rms_norm({f}, {same}.shape[-1:])"),
    (1, "F.batch_norm({m}, None, None, training=True)"), (1, "F.normalize({f}, dim={axis})"),
    (1, "F.scaled_dot_product_attention({m}, {same}, {same}, is_causal={flag})"),
    # layers in a row
    (2, "t.nn.Sequential(t.nn.Tanh(), t.nn.{layer}, t.nn.{layer})({f})"),
    (1, "(lambda v: t.nn.Sequential(t.nn.LayerNorm(v.shape[-1:], dtype=v.dtype), t.nn.{layer}, t.nn.PReLU(dtype=v.dtype))(v))({f})"),
    (2, "(lambda v, linear: (setattr(linear.weight, 'data', v.detach()), t.nn.Sequential(linear, t.nn.{layer}, t.nn.{layer})(v))[1])({m}, t.nn.Linear(1, 1, False))"),
    # look-ups and masks
    (2, "F.embedding({i}.long() % 2, {m})"), (1, "F.embedding({i}.long() % 2, {m}, padding_idx=0)"),
    (1, "{x}[{i}.long() % 2]"), (1, "F.one_hot({i}.long() % 3, 3)"), (2, "t.where({x} > {s}, {same}, {y})"),
    (1, "t.where({b}, {x}, {s})"), (1, "{x} * ({y} > 0)"), (1, "({x} * ({same} > 0)).sum({axis}) / (({same} > 0).sum({axis}) + 1)"),
    (2, "F.softmax({m}.masked_fill(t.triu(t.ones_like({same}), 1) > 0, -inf), -1)"),
    (1, "{f}.masked_fill({same} < {h}, -inf).logsumexp({axis})"), (1, "t.gather({m}, 1, {classes}.unsqueeze(1))"),
)  # fmt: skip

# Templates of statements that change what is there.
_EFFECTS: tuple[tuple[int, str], ...] = (
    (4, "{x}.{write}({y})"), (2, "{x}.{write}({s})"), (3, "{x}[{index}] = {y}"), (2, "{x}[{index}] = {s}"),
    (3, "{x}[{index}] {augment} {y}"), (2, "{x}[{index}] {augment} {h}"), (2, "{f}.{shrink}()"),
    (2, "{x}[{b}] = {s}"), (1, "{x}[{picks}] = {y}"), (1, "{x}.t().{write}({y})"), (1, "{x}.fill_({s})"),
    (1, "{x}.clamp_(-1, 1)"), (1, "{x}.masked_fill_({b}, {s})"), (1, "{x}.diagonal().{write}({s})"),
    (1, "{leaf}.data.{write}({h})"), (2, "with t.no_grad(): {leaf}.{write}({y})"),
    (1, "with t.no_grad(): {leaf}[{index}] {augment} {h}"), (6, "{tape}.sum().backward()"),
    (3, "({tape} * {y}).sum().backward()"), (2, "({tape} ** 2).mean().backward(retain_graph=True)"),
    (1, "{tape}.backward(t.ones_like({same}))"), (1, "{leaf}.grad = None"), (1, "{leaf}.grad.{write}({h})"),
    (1, "{leaf}.grad.zero_()"),
    # what optimizers written by hand do
    (2, "with t.no_grad(): {leaf} -= 0.1 * {same}.grad"), (1, "with t.no_grad(): {leaf}.sub_({same}.grad, alpha=0.1)"),
    (1, "with t.no_grad(): {leaf}.addcdiv_({same}.grad, {same}.grad.abs().sqrt() + 0.1, value=-0.1)"),
    (1, "with t.no_grad(): {leaf}.mul_(0.9).add_({same}.grad)"), (1, "with t.no_grad(): {f}.lerp_({g}, 0.1)"),
    (1, "with t.no_grad(): {f}.mul_(0.9).addcmul_({y}, {y}, value=0.1)"), (1, "{leaf}.grad = {same}.grad.clamp(-0.5, 0.5)"),
    (1, "[w.data.add_(w.grad, alpha=-0.1) for w in {leaves} if w.grad is not None]"),
    (1, "t.nn.utils.clip_grad_norm_({leaves}, 1.0)"),
    (2, "(t.autograd.grad(({tape} ** 2).sum(), {leaf}, create_graph=True)[0] ** 2).sum().backward()"),
    # parts written
    (1, "{x}[..., {p}:] = {s}"), (1, "{x}[:{p}] = {y}"), (2, "{x}[{index}].{write}({h})"),
    (1, "{x}.narrow({axis}, 0, {p}).{write}({y})"), (1, "{x}[{picks}] {augment} {h}"), (1, "{x}[:, 1:] = {same}[:, :-1]"),
    (1, "{x}.index_fill_(0, {picks}, {s})"), (1, "{x}.index_add_(0, {picks}, {same}[{picks}])"),
    (1, "{x}[{same} > {s}] = {s}"), (1, "{x}[{same} > 0] {augment} {h}"), (1, "{x}.masked_fill_({same} < {h}, {s})"),
    (1, "for k in range(1, len({x})): {same}[k] += {same}[k - 1] * {h}"),
)  # fmt: skip


def draw_program(seed: int, length: int = 14) -> Program:
    """A program of about ``length`` lines after those that make its first tensors."""
    with tier("eager"), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return _Drawing(random.Random(seed)).finish(length)


class _Drawing:
    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.names = namespace(import_module("thalweg"))
        self.program: list[Statement] = []
        self.count = 0
        self.last = ""
        self.float = chance.choice(("float32", "float32", "float64"))
        self.sizes = [chance.choice((1, 2, 2, 3, 4, 5)) for _ in range(3)]
        if chance.random() < 0.1:
            self.sizes[0] = 0
        for n in range(chance.randint(3, 5)):
            self.leaf(tuple(self.sizes[: (2, 2, 1, 3, 0)[n]]))

    def finish(self, length: int) -> Program:
        failed = False
        for _ in range(length):
            if failed := not self.step():
                break
        optimizers = [name for name in self.names if name.startswith("opt")]
        if optimizers and not failed:
            self.add(Statement(f"{optimizers[-1]}.step()"))
        return tuple(self.program)

    def step(self) -> bool:
        """Add one line; False when it is one that raises."""
        for _ in range(20):
            found = self.chosen()
            if found is None:
                continue
            try:
                self.add(found)
            except Exception as error:
                if isinstance(error, _REFUSALS) and self.chance.random() < 0.004:
                    self.program.append(found)
                    return False
                continue
            return True
        return True

    def chosen(self) -> Statement | None:
        roll = self.chance.random()
        if roll < 0.06:
            return self.training()
        template = self.pick(_EFFECTS if roll < 0.3 else _RESULTS)
        filled = self.fill(template)
        if filled is None or roll < 0.3:
            return None if filled is None else Statement(filled)
        return Statement(filled, (self.fresh("x"),))

    def training(self) -> Statement | None:
        made = [name for name in self.names if name.startswith("opt")]
        if made:
            return Statement(self.chance.choice((f"{made[-1]}.step()", f"{made[-1]}.zero_grad()")))
        filled = self.fill("t.optim.{optimizer}")
        filled = None if filled is None else self.fill(filled)
        return None if filled is None else Statement(filled, (self.fresh("opt"),))

    def add(self, statement: Statement) -> None:
        """Run a line and keep it.

        Raises:
            Exception: what the line raises; it is not kept then.
        """
        execute(statement, self.names)
        for name in statement.makes:
            if name.startswith("x") and not self.useful(self.names[name]):
                del self.names[name]
                raise _Useless
        self.program.append(statement)

    def useful(self, made: Any) -> bool:
        """Not too large, no type that is left out, seldom not finite."""
        if not isinstance(made, Tensor) or made.numel() > 400 or made.dim() > 4:
            return False
        array = made.detach().numpy()
        strange = array.dtype.kind == "f" and not np.isfinite(array).all()
        huge = array.dtype.kind in "fi" and bool((np.abs(array.astype(float)) > 1e6).any())
        return not (strange or huge) or self.chance.random() < 0.1

    def leaf(self, shape: tuple[int, ...]) -> None:
        """A first tensor from literal numbers; most are trainable."""
        kind = self.chance.choice(
            (self.float, self.float, self.float, "int64", "int32", "uint8", "bool")
        )
        if len(self.program) < 2:
            kind = self.float
        array = self.numbers(shape, kind)
        needs = kind.startswith("float") and self.chance.random() < 0.7
        text = f"t.tensor({array.tolist()}, dtype=t.{kind}{', requires_grad=True' * needs})"
        if array.size == 0:
            text = f"t.zeros({shape}, dtype=t.{kind}{', requires_grad=True' * needs})"
        first = Statement(text, (self.fresh("w" if needs else "x"),))
        execute(first, self.names)
        self.program.append(first)

    def numbers(self, shape: tuple[int, ...], kind: str) -> np.ndarray[Any, Any]:
        rng = np.random.RandomState(self.chance.randrange(1 << 31))
        if not kind.startswith("float"):
            low, high = (0, 2) if kind == "bool" else (0, 7) if kind == "uint8" else (-3, 7)
            return rng.randint(low, high, shape).astype(kind)
        whole = self.chance.random() < 0.2
        array = np.asarray(rng.randint(-2, 3, shape) if whole else rng.randn(*shape), float)
        array = array.round(3)
        if self.chance.random() < 0.06 and array.size:
            array.reshape(-1)[0] = self.chance.choice((nan, inf, -inf, -0.0, 1e10))
        return array

    def fresh(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"

    def pick(self, table: tuple[tuple[int, str], ...]) -> str:
        return self.chance.choices([text for _, text in table], [often for often, _ in table])[0]

    def fill(self, template: str) -> str | None:
        """The template with its holes filled, or None when the pool has nothing that fits."""
        try:
            return _HOLES.sub(lambda hole: self.hole(hole.group(1)), template)
        except _Useless:
            return None

    def hole(self, name: str) -> str:
        if name in _WORDS:
            return self.chance.choice(_WORDS[name])
        return str(getattr(self, "_" + name)())

    # One method for each other hole of the templates.

    def tensor(self, fits: Any) -> str:
        found = [n for n, v in self.names.items() if isinstance(v, Tensor) and fits(v)]
        if not found:
            raise _Useless
        self.last = self.chance.choice(found[-6:] if self.chance.random() < 0.5 else found)
        return self.last

    def shape(self) -> tuple[int, ...]:
        return tuple(self.latest().shape)

    def latest(self) -> Tensor:
        if self.last not in self.names:
            raise _Useless
        return self.names[self.last]

    def _x(self) -> str:
        return self.tensor(lambda v: True)

    def _n(self) -> str:
        return self.tensor(lambda v: bool(np.isfinite(v.detach().numpy()).all()))

    def _f(self) -> str:
        return self.tensor(lambda v: v.is_floating_point())

    def _g(self) -> str:
        dtype = self.latest().dtype
        return self.tensor(lambda v: v.dtype == dtype)

    def _y(self) -> str:
        """Mostly one that broadcasts with the tensor before it."""
        shape = self.shape()
        before = self.last
        if self.chance.random() < 0.1:
            return self._x()
        found = self.tensor(lambda v: v.dim() <= len(shape) and _broadcasts(tuple(v.shape), shape))
        self.last = before
        return found

    def _same(self) -> str:
        return self.last

    def _i(self) -> str:
        return self.tensor(lambda v: v.dtype in (int64, int32, uint8))

    def _b(self) -> str:
        return self.tensor(lambda v: v.dtype == bool_)

    def _m(self) -> str:
        return self.tensor(lambda v: v.dim() == 2 and v.is_floating_point())

    def _leaf(self) -> str:
        return self.tensor(lambda v: v.requires_grad and v.is_leaf)

    def _tape(self) -> str:
        return self.tensor(lambda v: v.requires_grad and not v.is_leaf)

    def _leaves(self) -> str:
        leaves = [n for n in self.names if n.startswith("w")]
        if not leaves:
            raise _Useless
        return "[" + ", ".join(leaves) + "]"

    def _axis(self) -> int:
        rank = max(len(self.shape()), 1)
        return self.chance.randrange(-rank, rank)

    def _axis0(self) -> int:
        return self.chance.choice((0, 0, 0, -1, 1))

    def _edge(self) -> int:
        return self.chance.randint(-1, len(self.shape()))

    def _axes(self) -> str:
        rank = len(self.shape())
        return str(tuple(sorted(self.chance.sample(range(rank), self.chance.randint(0, rank)))))

    def _order(self) -> str:
        rank = len(self.shape())
        return str(tuple(self.chance.sample(range(rank), rank)))

    def _sizes(self) -> str:
        sizes = list(self.shape())
        self.chance.shuffle(sizes)
        if len(sizes) > 1 and self.chance.random() < 0.6:
            sizes[:2] = [sizes[0] * sizes[1]]
        return str(tuple(sizes))

    def _wide(self) -> str:
        sizes = [n if n != 1 else self.chance.choice((1, 3)) for n in self.shape()]
        return str(tuple([self.chance.choice((1, 2))] * self.chance.randint(0, 1) + sizes))

    def _index(self) -> str:
        parts = []
        for size in self.shape():
            if self.chance.random() < 0.25:
                break
            start = self.chance.randint(0, max(size - 1, 0))
            parts.append(
                self.chance.choice(
                    (str(start), f"{start}:", f":{start + 1}", ":", "::2", "-1", "None")
                )
            )
        return ", ".join(parts) or "..."

    def _picks(self) -> str:
        size = (self.shape() or (1,))[0]
        return f"t.tensor({[self.chance.randrange(max(size, 1)) for _ in range(3)]})"

    def _classes(self) -> str:
        """A column for each row of the matrix before."""
        rows, columns = self.shape()
        return f"t.tensor({[self.chance.randrange(max(columns, 1)) for _ in range(rows)]}, dtype=t.int64)"

    def _along(self) -> str:
        """One number for each place along the last axis of the tensor before."""
        before = self.last
        size, dtype = (self.shape() or (1,))[-1], self.latest().dtype
        found = self.tensor(lambda v: tuple(v.shape) == (size,) and v.dtype == dtype)
        self.last = before
        return found

    def _labels(self) -> str:
        count = self.latest().numel()
        return f"t.tensor({[self.chance.randrange(4) for _ in range(count)]}, dtype=t.int64)"


class _Useless(Exception):
    """A line is not worth keeping."""


_REFUSALS = (RuntimeError, IndexError, TypeError, ValueError, NotImplementedError)


def _broadcasts(small: tuple[int, ...], large: tuple[int, ...]) -> bool:
    return all(a in (1, b) for a, b in zip(reversed(small), reversed(large), strict=False))
