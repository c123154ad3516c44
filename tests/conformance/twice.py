"""`gradgradcheck` of PyTorch's tables, `op_db` and `module_db`: second derivatives here against differences of first ones.

Of each entry that the table says has second derivatives, the sample with the fewest numbers, in float64 or complex128,
along one drawn direction (``fast_mode``). `python -m tests.conformance.twice` prints what fails.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable
from typing import Any

import torch

import thalweg as tw

from . import harness, modules

NOT_TWICE = {  # marked in the tables, but
    "CTCLoss": "PyTorch has no second derivative of it either, and skips its own check",
    "nn.functional.ctc_loss": "the same",
    "cfloat": "its result is too coarse for differences",
    "float": "the same",
    "half": "the same",
    "bfloat16": "the same",
    "linalg.norm.subgradients_at_zero": "its samples are at a kink; PyTorch skips its own check",
    "nn.functional.one_hot": "takes whole numbers only",
}


def operations() -> dict[str, Any]:
    """The passing entries of op_db that the table says have second derivatives."""
    return {
        name: info
        for name, info in harness.passing().items()
        if info.supports_autograd and info.supports_gradgrad and name not in NOT_TWICE
    }


def layers() -> dict[str, Any]:
    """The entries of module_db that the table says have second derivatives."""
    return {
        name: info
        for name, info in modules.entries().items()
        if info.supports_gradgrad and name not in NOT_TWICE
    }


def filled(x: Any, given: Iterable[Any]) -> Any:
    """The argument with other tensors for those that want gradients."""
    left = iter(given)
    return harness.changed(x, tw.Tensor, lambda t: next(left) if t.requires_grad else t)


def differentiable(result: Any) -> tuple[Any, ...]:
    return tuple(harness.differentiable(result))


def size(*given: Any) -> int:
    """How many numbers there are to derive for."""
    return sum(t.numel() for t in harness.tensors_that_want(given, torch.Tensor))


def passes(function: Callable[..., Any], inputs: list[Any]) -> bool:
    """Raise unless the second derivatives agree."""
    assert inputs and function(*inputs), "nothing to derive for"
    passed: bool = tw.autograd.gradgradcheck(function, tuple(inputs), fast_mode=True)
    return passed


def check_operation(info: Any) -> int:
    """The entry's smallest sample; raises unless its second derivatives agree."""
    real = torch.float64 in info.supported_dtypes("cpu")
    torch.manual_seed(0)
    samples = info.sample_inputs(
        "cpu", torch.float64 if real else torch.complex128, requires_grad=True
    )
    measured = ((size((s.input, *s.args), s.kwargs), s) for s in samples)
    first = itertools.islice((pair for pair in measured if pair[0]), harness.MOST_SAMPLES)
    _, small = min(first, key=lambda pair: pair[0])
    args = harness.ours(harness.leaves((small.input, *small.args)), True)
    kwargs = harness.ours(harness.leaves(small.kwargs), True)
    # through the table's wrappers: symmetric matrices, results without a sign of their own
    whole, operation = harness.moved(info.gradcheck_wrapper), harness.counterpart(info)

    def function(*given: Any) -> tuple[Any, ...]:
        own, named = filled((args, kwargs), given)
        tw.manual_seed(5)
        result = whole(operation, *own, **named)
        return differentiable(small.output_process_fn_grad(result))

    return passes(function, harness.tensors_that_want((args, kwargs), tw.Tensor))


def check_layer(info: Any) -> int:
    """The smallest sample of the entry in each mode, for inputs and parameters; gives how many."""
    count = 0
    for training in (True, False) if info.train_and_eval_differ else (True,):
        torch.manual_seed(0)
        samples = info.module_inputs_func(
            info, device="cpu", dtype=torch.float64, requires_grad=True, training=training
        )
        small = min(samples, key=lambda s: size(s.forward_input.args, s.forward_input.kwargs))
        _, module = modules.both(info, small.constructor_input, torch.float64, training)
        args = harness.ours(harness.leaves(small.forward_input.args), True)
        kwargs = harness.ours(harness.leaves(small.forward_input.kwargs), True)
        if info.is_lazy:  # the first call makes the weights
            modules.call(module, (args, kwargs), 3, tw)
        count += layer_passes(module, args, kwargs)
    return count


def layer_passes(module: Any, args: Any, kwargs: Any) -> bool:
    """Of a module as a function of its inputs and parameters, which are one vector of numbers here."""
    names = [name for name, p in module.named_parameters() if p.requires_grad]
    inputs = modules.wanted((args, kwargs), module, tw.Tensor)
    n = len(inputs) - len(names)

    def function(line: Any) -> tuple[Any, ...]:
        parts = line.split([t.numel() for t in inputs])
        given = [part.reshape(t.shape) for part, t in zip(parts, inputs, strict=True)]
        own, named = filled((args, kwargs), given[:n])
        parameters = dict(zip(names, given[n:], strict=True))
        tw.manual_seed(5)
        return differentiable(tw.func.functional_call(module, parameters, own, named))

    return passes(function, [tw.cat([t.detach().reshape(-1) for t in inputs]).requires_grad_()])


def main() -> None:
    for table, check in ((operations(), check_operation), (layers(), check_layer)):
        start = time.perf_counter()
        failures = {name: harness.outcome(info, check) for name, info in table.items()}
        for name, failure in failures.items():
            if failure:
                print(f"{name}: {failure[:150]}")
        right = sum(not failure for failure in failures.values())
        print(f"{right} of {len(table)} pass, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
