"""PyTorch's own table of layers and losses, `module_db`, run against the classes of the same name here.

`python -m tests.conformance.modules --update` rewrites `modules_passing.txt`, the list of entries of which every sample
is right: the same first weights from the same seed, the same outputs, gradients and buffers. `--why NAME` shows the
first failure of an entry. Needs torch==2.13.0 and expecttest.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch.testing._internal.common_modules import ModuleErrorEnum, module_db

import thalweg as tw

from . import harness

PASSING = Path(__file__).with_name("modules_passing.txt")
REFUSING = Path(__file__).with_name("modules_refusing.txt")
DTYPES = (torch.float32, torch.float64)
MOST_SAMPLES = 8  # of each entry, type and mode, spread evenly over those that there are
TWICE = 1  # samples of each entry whose second derivatives are compared
GRAD_RTOL = {torch.float32: 1e-3, torch.float64: 1e-6}


def entries() -> dict[str, Any]:
    """The entries of module_db by name, without their common ``nn.``."""
    return {info.name.removeprefix("nn."): info for info in module_db}


def counterpart(info: Any) -> Any:
    """The class here of the entry's name."""
    found = getattr(tw.nn, info.module_cls.__name__, None)
    if found is None:
        raise harness.Nothing("no class of this name")
    return found


def both(info: Any, given: Any, dtype: torch.dtype, training: bool) -> tuple[Any, Any]:
    """The entry's module there and here, each made from the same seed."""
    cls = counterpart(info)
    torch.manual_seed(7)
    theirs = info.module_cls(*given.args, **given.kwargs)
    theirs = theirs.to(dtype).train(training)
    tw.manual_seed(7)
    mine = cls(*harness.ours(given.args, False), **harness.ours(given.kwargs, False))
    mine = mine.to(harness.ours(dtype, False)).train(training)
    return theirs, mine


def same_state(mine: Any, theirs: Any) -> None:
    """Raise unless both have the same parameters and buffers, by name."""
    found, expected = mine.state_dict(), theirs.state_dict()
    assert list(found) == list(expected), f"state {list(found)}, expected {list(expected)}"
    for name, value in expected.items():
        if isinstance(value, torch.Tensor):
            harness.same(found[name], value)


def call(module: Any, given: Any, seed: int, library: Any) -> Any:
    library.manual_seed(seed)
    return module(*given[0], **given[1])


def wanted(given: Any, module: Any, kind: type) -> list[Any]:
    """The tensors whose gradients are compared: of the arguments, and the parameters."""
    return harness.tensors_that_want(given, kind) + [
        p for p in module.parameters() if p.requires_grad
    ]


def check_gradients(
    found: Any, expected: Any, mine: list[Any], theirs: list[Any], rtol: float, twice: bool
) -> None:
    """Gradients of the results for arguments and parameters; ``twice``: and the gradients of those."""
    a, b = harness.differentiable(found), harness.differentiable(expected)
    assert len(a) == len(b), f"{len(a)} differentiable results, expected {len(b)}"
    assert len(mine) == len(theirs), f"{len(mine)} leaves, expected {len(theirs)}"
    if not b or not theirs:
        return
    there = harness.gradients(b, theirs, torch, twice)
    kept = [k for k, g in enumerate(there) if g is not None and g.requires_grad]
    second: list[Any] = []
    if kept:
        try:
            second = harness.gradients([there[k] for k in kept], theirs, torch, False)
        except (RuntimeError, NotImplementedError):  # no second derivative there
            kept = []
    here = harness.gradients(a, mine, tw, bool(kept))
    harness.same_gradients(here, there, rtol)
    if not kept:
        return
    again = [here[k] for k in kept if here[k] is not None and here[k].requires_grad]
    if len(again) < len(kept):  # those of zeros, which PyTorch keeps on its tape
        assert not any(g is not None and bool(g.any()) for g in second)
        return
    harness.same_gradients(harness.gradients(again, mine, tw, False), second, rtol)


def check_sample(info: Any, sample: Any, dtype: torch.dtype, training: bool, twice: bool) -> None:
    """One sample: first weights, outputs, gradients, those of gradients if ``twice``, buffers afterwards."""
    theirs, mine = both(info, sample.constructor_input, dtype, training)
    given = (harness.leaves(sample.forward_input.args), harness.leaves(sample.forward_input.kwargs))
    own = (harness.ours(given[0], True), harness.ours(given[1], True))
    if info.is_lazy:  # the first call makes the weights
        call(theirs, given, 3, torch)
        call(mine, own, 3, tw)
        assert type(mine).__name__ == type(theirs).__name__
    same_state(mine, theirs)
    mine.load_state_dict({k: harness.ours(v, False) for k, v in theirs.state_dict().items()})
    expected, found = call(theirs, given, 5, torch), call(mine, own, 5, tw)
    harness.same(found, expected)
    check_gradients(
        found,
        expected,
        wanted(own, mine, tw.Tensor),
        wanted(given, theirs, torch.Tensor),
        GRAD_RTOL[dtype],
        twice,
    )
    same_state(mine, theirs)


def spread(samples: list[Any]) -> list[Any]:
    """At most MOST_SAMPLES of the samples, the first among them."""
    return samples[:: -(-len(samples) // MOST_SAMPLES)] if samples else []


def check_entry(info: Any) -> int:
    """Run the samples of an entry; gives how many, raises at the first that is wrong."""
    count = 0
    for dtype in DTYPES:
        for training in (True, False) if info.train_and_eval_differ else (True,):
            torch.manual_seed(0)
            samples = list(
                info.module_inputs_func(
                    info, device="cpu", dtype=dtype, requires_grad=True, training=training
                )
            )
            for number, sample in enumerate(spread(samples)):
                twice = info.supports_gradgrad and dtype is torch.float64 and number < TWICE
                check_sample(info, sample, dtype, training, twice)
                count += 1
    return harness.some(count)


def check_errors(info: Any) -> int:
    """Run every error input of an entry; gives how many, raises where none or another type comes."""
    cls, made = counterpart(info), info.module_error_inputs_func
    settings = {"dtype": torch.float32, "requires_grad": False, "training": True}
    count = 0
    for error in made(info, device="cpu", **settings) if made else ():
        given = error.module_error_input
        built = given.constructor_input
        try:
            mine = cls(*harness.ours(built.args, False), **harness.ours(built.kwargs, False))
            if error.error_on == ModuleErrorEnum.FORWARD_ERROR:
                args, kwargs = given.forward_input.args, given.forward_input.kwargs
                result = mine(*harness.ours(args, False), **harness.ours(kwargs, False))
                for t in harness.flat(result):
                    t.detach().numpy()  # what is recorded fails where it runs
        except error.error_type:
            count += 1
            continue
        raise AssertionError(f"no {error.error_type.__name__} for {error.error_regex!r}")
    return harness.some(count)


def main() -> None:
    harness.command(
        __doc__,
        entries(),
        (PASSING, check_entry, "pass"),
        (REFUSING, check_errors, "refuse every error input with the type of PyTorch's error"),
    )


if __name__ == "__main__":
    main()
