"""PyTorch's own table of optimizers, `optim_db`, run against the optimizers of the same name here.

Each of the table's settings is an entry, "Adam: maximize", and so is each of its mistakes, "Adam: refuses betas ...".
`python -m tests.conformance.optimizers --update` rewrites `optimizers.txt`, the list of entries that are right;
`--why ENTRY` shows the failure of one. Needs torch==2.13.0 and expecttest.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.testing._internal.common_optimizers import OptimizerErrorEnum, optim_db

import thalweg as tw

from . import harness

PASSING = Path(__file__).with_name("optimizers.txt")
STEPS = 4
SHAPES = [(3, 4), (4,), ()]
MATRICES = [(3, 4), (5, 2)]
DTYPES = {"float64": 1e-10, "float32": 3e-5}
IN_BFLOAT16 = {"Muon"}  # the step is a product in 8 bits, whose last depends on the order of sums
ONE_BIT = 2**-8
NUMBERS = {
    "ASGD",
    "NAdam",
}  # PyTorch loads their numbers in the parameter's type, here they keep theirs


class Entry:
    """One setting of an optimizer, or one mistake (``error``)."""

    def __init__(self, info: Any, given: Any, error: Any = None) -> None:
        self.info, self.given, self.error = info, given, error
        self.name = info.optim_cls.__name__

    def check(self) -> int:
        """Raise unless the optimizer here does as PyTorch's; gives how often that was seen."""
        if not hasattr(tw.optim, self.name):
            raise harness.Nothing("no optimizer of this name")
        if self.error is not None:
            check_refusal(self)
            return 1
        for dtype, tolerance in DTYPES.items():
            check_steps(self, dtype, tolerance)
        return len(DTYPES)


def entries() -> dict[str, Entry]:
    """The table's settings and mistakes by name."""
    named: dict[str, Entry] = {}
    for info in optim_db:
        cls = info.optim_cls.__name__
        for given in info.optim_inputs_func("cpu"):
            named[f"{cls}: {given.desc}"] = Entry(info, given)
        torch.manual_seed(0)
        for error in info.optim_error_inputs_func("cpu", torch.float32):
            given = error.optimizer_error_input
            named[f"{cls}: refuses {given.desc}"] = Entry(info, given, error)
    return named


def ours(x: Any) -> Any:
    """A setting, a parameter or a state, as one of ours; what is one tensor there is one here."""
    made: dict[int, Any] = {}

    def tensor(x: Any) -> Any:
        if id(x) not in made:
            t = tw.tensor(x.detach().numpy())
            made[id(x)] = tw.nn.Parameter(t) if isinstance(x, torch.nn.Parameter) else t
            made[id(x)].grad = None if x.grad is None else tw.tensor(x.grad.numpy())
        return made[id(x)]

    return harness.changed(x, torch.Tensor, tensor)


def theirs(x: Any) -> Any:
    """A state of ours as one of PyTorch's."""
    return harness.changed(x, tw.Tensor, lambda t: torch.tensor(t.detach().numpy()))


class Run:
    """An optimizer of one library at work on parameters that begin as in every other."""

    def __init__(self, library: Any, entry: Entry, dtype: str, start: Run | None = None) -> None:
        kind, settings = getattr(library, dtype), entry.given.kwargs
        draw = np.random.default_rng(0)
        shapes = MATRICES if entry.name in IN_BFLOAT16 else SHAPES
        values = [draw.normal(size=s) for s in shapes]
        if start is not None:
            values = [p.detach().numpy() for p in start.params]
        self.library, self.entry = library, entry
        self.params = [library.nn.Parameter(library.tensor(v, dtype=kind)) for v in values]
        settings = ours(settings) if library is tw else settings
        self.optimizer = getattr(library.optim, entry.name)(self.params, **settings)
        self.steps = 0
        if start is not None:
            convert = ours if library is tw else theirs
            self.optimizer.load_state_dict(convert(start.optimizer.state_dict()))
            self.steps = start.steps

    def advance(self) -> Run:
        for _ in range(1 if self.entry.info.step_requires_closure else STEPS):
            if self.entry.info.step_requires_closure:
                self.optimizer.step(self.loss)
            else:
                self.set_gradients()
                self.optimizer.step()
            self.steps += 1
        return self

    def set_gradients(self) -> None:
        draw = np.random.default_rng(self.steps)
        for p in self.params:
            g = self.library.tensor(draw.normal(size=tuple(p.shape)), dtype=p.dtype)
            if self.entry.info.only_supports_sparse_grads:
                g = g.to_sparse()
            p.grad = g

    def loss(self) -> Any:
        """A sum of powers and products, whose least is not where the parameters begin."""
        self.optimizer.zero_grad()
        first = self.params[0]
        loss = sum(((p - 0.5) ** 2).sum() + (p**4).sum() / 8 for p in self.params)
        loss = loss + (first @ self.params[1]).sum() * self.params[2] / 4
        loss.backward()
        return loss

    def state(self) -> dict[str, Any]:
        """Parameters and state by name, as arrays and numbers.

        A search in float32 ends where rounding says, so that only where it ends is looked at.
        """
        found: dict[str, Any] = {}
        for i, p in enumerate(self.params):
            found[f"{i}"] = p
            if self.entry.info.step_requires_closure and p.dtype is self.library.float32:
                continue
            for name, value in self.optimizer.state.get(p, {}).items():
                many = value if isinstance(value, list) else [value]
                found.update({f"{i} {name} {k}": v for k, v in enumerate(many)})
        return {k: array(v) for k, v in found.items()}


def array(x: Any) -> Any:
    return x.detach().numpy() if isinstance(x, torch.Tensor | tw.Tensor) else x


def same(found: Run, expected: Run, tolerance: float) -> None:
    """Raise unless parameters and state agree."""
    a, b = found.state(), expected.state()
    assert a.keys() == b.keys(), f"state {sorted(a)}, expected {sorted(b)}"
    for name, value in b.items():
        if value is None:
            assert a[name] is None, name
            continue
        if isinstance(value, np.ndarray):
            assert a[name].shape == value.shape, name
            assert a[name].dtype == value.dtype or found.entry.name in NUMBERS, name
        np.testing.assert_allclose(a[name], value, tolerance, tolerance, err_msg=name)


def check_steps(entry: Entry, dtype: str, tolerance: float) -> None:
    """Steps from the start; then, in float64, on from each other's state dicts."""
    if entry.name in IN_BFLOAT16:
        tolerance = ONE_BIT * (float(entry.given.kwargs.get("lr", 1e-3)) * 4 + 1e-6)
    if entry.info.step_requires_closure:
        tolerance = {"float64": 1e-7, "float32": 1e-3}[dtype]
    if entry.name in NUMBERS:
        tolerance = max(tolerance, 2e-7)
    mine, other = Run(tw, entry, dtype).advance(), Run(torch, entry, dtype).advance()
    same(mine, other, tolerance)
    groups = [r.optimizer.state_dict()["param_groups"] for r in (mine, other)]
    assert groups[0] == ours(groups[1]), f"groups {groups[0]}, expected {groups[1]}"
    if dtype == "float32":
        return
    same(
        Run(tw, entry, dtype, other).advance(), Run(torch, entry, dtype, other).advance(), tolerance
    )
    same(Run(tw, entry, dtype, mine).advance(), Run(torch, entry, dtype, mine).advance(), tolerance)


def check_refusal(entry: Entry) -> None:
    """Raise unless making the optimizer, or its first step, raises the type of PyTorch's error."""
    given = entry.given
    params = [tw.nn.Parameter(tw.ones(1, 1))] if given.params is None else ours(given.params)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            optimizer = getattr(tw.optim, entry.name)(params, **ours(given.kwargs))
            if entry.error.error_on is OptimizerErrorEnum.STEP_ERROR:
                optimizer.step()
        except entry.error.error_type:
            return
    raise AssertionError(f"no {entry.error.error_type.__name__} for {given.desc}")


def main() -> None:
    harness.command(__doc__, entries(), (PASSING, Entry.check, "are right"))


if __name__ == "__main__":
    main()
