"""PyTorch's own table of operations, `op_db`, run against the functions of the same name here.

`python tests/conformance/harness.py --update` rewrites `passing.txt`, the list of entries of which every sample is
right, and `refusing.txt`, of which every error input raises the type of PyTorch's error; `--why NAME` shows the first
failure of an entry. Needs torch==2.13.0 and expecttest.

Where PyTorch says that a result is not determined, what is determined of it is compared: of a tensor yet to be written
its shape and type; of positions among equal elements that they point at such elements, each at another one. Where
PyTorch's own numbers are wrong, `WRONG_THERE` says what stands in for them.
"""

from __future__ import annotations

import argparse
import inspect
import itertools
import os
import traceback
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.testing._internal.common_methods_invocations import op_db

import thalweg as tw

PASSING = Path(__file__).with_name("passing.txt")
REFUSING = Path(__file__).with_name("refusing.txt")
DTYPES = (torch.float32, torch.float64, torch.int64, torch.bool, torch.complex128)
GRADIENTS = (torch.float64, torch.complex128)
EVERY = bool(os.environ.get("THALWEG_LONG"))  # sample, which takes a quarter of an hour
MOST_SAMPLES = None if EVERY else 12  # of an entry and a type
MOST_NATIVE = None if EVERY else 4  # on the native tier, which takes time to compile each
MOST_COMPLEX = 2
COMPLEX = (torch.complex64, torch.complex128)  # of entries that take nothing else
RTOL = {
    torch.float32: 2e-4, torch.float64: 1e-7, torch.complex64: 2e-4, torch.complex128: 1e-7, torch.bfloat16: 1e-2,
}  # fmt: skip
UNWRITTEN = {
    "empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided",
}  # fmt: skip
PLACES = {"argsort", "kthvalue", "mode", "sort", "topk"}
WRONG_THERE = {
    "as_strided_scatter": "gradcheck",  # its gradient fails PyTorch's own gradcheck
    "special.bessel_j0": 1e-5,  # in float64 up to 8e-6 off, relatively, at arguments above 5
    "special.bessel_y1": 1e-5,
}


def entries() -> dict[str, Any]:
    """The entries of op_db by name, with the variant where there is one."""
    named = {}
    for info in op_db:
        variant = info.variant_test_name
        named[f"{info.name}.{variant}" if variant else info.name] = info
    return named


Check = Callable[
    [Any], int
]  # runs an entry's samples; gives how many, raises at the first that is wrong


class Nothing(AssertionError):
    """An entry has nothing to check: nothing of its name is here, or it has no samples."""


def some(count: int) -> int:
    """How many samples there were; raises where none was."""
    if not count:
        raise Nothing("no samples")
    return count


def counterpart(info: Any) -> Any:
    """What calls here as the entry's ``op`` calls there; raises where nothing of its name is.

    Where the table has a lambda of its own (other orders of arguments), that is called with Thalweg for PyTorch.
    """
    own = info.op
    if getattr(own, "__name__", "") == "<lambda>":
        return moved(own)
    found = function_named(info.name)
    if found is None:
        raise Nothing("no function of this name")
    return found


def moved(function: Any) -> Any:
    """A function of the table's with Thalweg for PyTorch, in it and in the wrappers that it calls."""
    own = function.__globals__
    names = {**own, "torch": tw, "wrapper_set_seed": seeded}
    if "_output_mask" in function.__code__.co_names or "_input_mask" in function.__code__.co_names:
        names["torch"] = types.SimpleNamespace(
            where=tw.where, logical_and=tw.logical_and, masked=Masks
        )
    for name in function.__code__.co_names:
        if name.startswith("gradcheck_wrapper"):
            names[name] = moved(own[name])
    found = types.FunctionType(
        function.__code__, names, function.__name__, function.__defaults__, function.__closure__
    )
    found.__kwdefaults__ = function.__kwdefaults__
    return found


class Masks:
    """What the table asks PyTorch's private functions: which results of a masked operation mean something."""

    @staticmethod
    def _output_mask(op: Any, input: Any, *args: Any, **kwargs: Any) -> Any:
        return ours(torch.masked._output_mask(op, theirs(input), *args, **theirs(kwargs)), False)

    @staticmethod
    def _input_mask(input: Any, *args: Any, **kwargs: Any) -> Any:
        return ours(torch.masked._input_mask(theirs(input), *args, **theirs(kwargs)), False)


def theirs(x: Any) -> Any:
    """An argument of ours as one of PyTorch's."""
    if isinstance(x, dict):
        return {k: theirs(v) for k, v in x.items()}
    if isinstance(x, tw.dtype):
        return getattr(torch, repr(x).removeprefix("thalweg."))
    return torch.tensor(x.detach().numpy()) if isinstance(x, tw.Tensor) else x


def seeded(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """A call from the seed that the table's own wrapper sets."""
    tw.manual_seed(42)
    return function(*args, **kwargs)


def function_named(name: str) -> Any:
    """The function or method here of that name, or None."""
    if name.startswith("nn.functional."):
        return getattr(tw.nn.functional, name.removeprefix("nn.functional."), None)
    room: Any = tw
    *path, last = name.split(".")
    for part in path:
        room = getattr(room, part, None)
    found = getattr(room, last, None)
    if path:
        return found
    if isinstance(found, tw.dtype):  # `tw.float` is a type; the table means the method
        found = None
    found = found or getattr(tw.Tensor, name, None)
    return found.fget if isinstance(found, property) else found


def ours(x: Any, grads: bool) -> Any:
    """An argument of a sample, as one of ours."""
    if isinstance(x, torch.Tensor):
        t = part_of_storage(x) if hides(x) else tw.tensor(x.detach().resolve_conj().numpy())
        return t.requires_grad_() if grads and x.requires_grad else t
    if isinstance(x, torch.dtype):
        return getattr(tw, str(x).removeprefix("torch."))
    if isinstance(x, torch.memory_format | torch.layout):
        return getattr(tw, str(x).removeprefix("torch."))
    if isinstance(x, torch.device):
        return str(x)
    if isinstance(x, torch.Size):
        return tuple(x)
    if isinstance(x, list | tuple):
        parts = [ours(v, grads) for v in x]
        return namesake(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
    if isinstance(x, dict):
        return {k: ours(v, grads) for k, v in x.items()}
    if getattr(type(x), "__dataclass_fields__", None):
        return namesake(x)(**{k: ours(getattr(x, k), False) for k in x.__dataclass_fields__})
    if isinstance(x, torch.nn.Module):
        return layer_of(x)
    if callable(x) and (getattr(x, "__module__", None) or "").startswith("torch."):
        name = x.__name__
        return getattr(tw.nn.functional, name, None) or getattr(tw, name)
    return x


def changed(x: Any, kind: type, change: Callable[[Any], Any]) -> Any:
    """An argument with another tensor for each of that kind in it."""
    if isinstance(x, kind):
        return change(x)
    if isinstance(x, list | tuple):
        parts = [changed(v, kind, change) for v in x]
        return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
    if isinstance(x, dict):
        return {k: changed(v, kind, change) for k, v in x.items()}
    return x


def leaves(x: Any) -> Any:
    """A sample with each tensor in it a leaf of its own, whatever it was computed from."""
    return changed(x, torch.Tensor, lambda t: t.detach().requires_grad_(t.requires_grad))


def hides(x: torch.Tensor) -> bool:
    """Whether x shows a part of its storage, without gaps."""
    return x.is_contiguous() and x.untyped_storage().nbytes() > x.numel() * x.element_size() > 0


def part_of_storage(x: torch.Tensor) -> Any:
    """The same part of a storage of ours."""
    size = x.untyped_storage().nbytes() // x.element_size()
    whole = torch.as_strided(x.detach(), (size,), (1,), 0)
    return tw.tensor(whole.numpy()).as_strided(tuple(x.shape), x.stride(), x.storage_offset())


def layer_of(x: Any) -> Any:
    """The layer here of the class, settings and weights of PyTorch's ``x``."""
    settings: tuple[Any, ...] = ()
    if isinstance(x, torch.nn.TransformerEncoderLayer):
        attention, first = x.self_attn, x.linear1
        settings = (
            attention.embed_dim, attention.num_heads, first.out_features, x.dropout.p, ours(x.activation, False),
            x.norm1.eps, attention.batch_first, x.norm_first, first.bias is not None,
        )  # fmt: skip
    made = getattr(tw.nn, type(x).__name__)(*settings)
    made.load_state_dict(ours(dict(x.state_dict()), False))
    return made


def namesake(x: Any) -> Any:
    """The class here of the name of the value's class."""
    name = type(x).__name__
    rooms = [tw, tw.nn, getattr(tw.nn.utils, "rnn", None)]
    return next((getattr(room, name) for room in rooms if hasattr(room, name)), type(x))


def flat(x: Any) -> Iterator[Any]:
    """The tensors and numbers in an argument or a result."""
    if isinstance(x, list | tuple | dict):
        for v in x.values() if isinstance(x, dict) else x:
            yield from flat(v)
    elif x is not None:
        yield x


def same(found: Any, expected: Any, rtol: float = 0, unwritten: bool = False) -> None:
    """Raise unless values, dtypes and shapes agree; of what is ``unwritten`` only dtypes and shapes."""
    a, b = list(flat(found)), list(flat(expected))
    assert len(a) == len(b), f"{len(a)} results, expected {len(b)}"
    for x, y in zip(a, b, strict=True):
        if not isinstance(y, torch.Tensor):
            assert x == y or (x != x and y != y), f"{x} is not {y}"
            continue
        assert tuple(x.shape) == tuple(y.shape), (
            f"shape {tuple(x.shape)}, expected {tuple(y.shape)}"
        )
        assert repr(x.dtype) == str(y.dtype).replace("torch.", "thalweg."), (
            f"{x.dtype}, expected {y.dtype}"
        )
        if unwritten:
            continue
        tolerance = max(RTOL.get(y.dtype, 0), rtol)
        if y.dtype is torch.bfloat16:  # NumPy has none
            x, y = x.float(), y.float()
        np.testing.assert_allclose(
            x.detach().numpy(), y.numpy(force=True), rtol=tolerance, atol=tolerance * 0.1
        )


def pointed_at(function: Any, given: tuple[Any, ...], named: Any, result: Any) -> Any:
    """The result with what its positions point at instead of them; exact ones where ``stable`` is asked for."""
    bound = inspect.signature(function).bind(*given, **named)
    if bound.arguments.get("stable"):
        return result
    input, axis = given[0].detach(), bound.arguments.get("dim", -1)
    axis = -1 if axis is None else axis
    *values, places = flat(result)
    if places.ndim < input.ndim:
        places = places.unsqueeze(axis)
    if places.ndim:
        ordered = np.sort(places.numpy(), axis)
        assert np.diff(ordered, axis=axis).all(), "a position twice"
    return [*values, input.gather(axis, places)]


def differentiable(result: Any) -> list[Any]:
    return [t for t in flat(result) if isinstance(t, torch.Tensor | tw.Tensor) and t.requires_grad]


def weights(results: list[Any], library: Any) -> list[Any]:
    """Fixed numbers of the shapes of the results."""
    draws = [
        np.random.RandomState(i).uniform(0.5, 1.5, tuple(t.shape)) for i, t in enumerate(results)
    ]
    return [library.tensor(w, dtype=t.dtype) for w, t in zip(draws, results, strict=True)]


def gradients(results: list[Any], leaves: list[Any], library: Any, again: bool) -> list[Any]:
    """Of the results, weighted, for each leaf; None where a result does not depend on it."""
    given = weights(results, library)
    return list(
        library.autograd.grad(results, leaves, given, create_graph=again, allow_unused=True)
    )


def same_gradients(found: list[Any], expected: list[Any], rtol: float) -> None:
    """Raise unless they agree; a gradient of nothing but zeros may be missing."""
    for x, y in zip(found, expected, strict=True):
        if x is None or y is None:
            zero = x if y is None else y
            assert zero is None or not zero.detach().numpy(force=True).any(), (
                "a gradient where none is expected, or none"
            )
        else:
            bound = max(rtol, RTOL[y.dtype]) if y.dtype is torch.float32 else rtol
            np.testing.assert_allclose(
                x.detach().numpy(), y.numpy(force=True), rtol=bound, atol=bound / 10
            )


def check_gradients(found: Any, expected: Any, mine: list[Any], theirs: list[Any]) -> None:
    """Gradients of the results, weighted by fixed numbers, for every tensor that wants one."""
    a, b = differentiable(found), differentiable(expected)
    assert len(a) == len(b), f"{len(a)} differentiable results, expected {len(b)}"
    if not b:
        return
    try:
        there = gradients(b, theirs, torch, False)
    except NotImplementedError:
        with pytest.raises(NotImplementedError):
            [g.numpy() for g in gradients(a, mine, tw, False) if g is not None]
        return
    same_gradients(gradients(a, mine, tw, False), there, 1e-6)


def tensors_that_want(x: Any, kind: type) -> list[Any]:
    return [t for t in flat(x) if isinstance(t, kind) and t.requires_grad]


def called(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return function(*args, **kwargs)


def check_entry(info: Any) -> int:
    """Run every sample of an entry; gives how many, raises at the first that is wrong."""
    function = counterpart(info)
    supported = info.supported_dtypes("cpu")
    count = 0
    for dtype in [d for d in DTYPES if d in supported] or [d for d in COMPLEX if d in supported]:
        grads = dtype in GRADIENTS and info.supports_autograd
        torch.manual_seed(0)
        samples = info.sample_inputs("cpu", dtype, requires_grad=grads)
        most = MOST_NATIVE if tw.current_tier() == "native" else MOST_SAMPLES
        for sample in itertools.islice(samples, MOST_COMPLEX if dtype.is_complex else most):
            try:
                check_sample(info, function, sample, grads, count)
            except NotImplementedError:
                if not dtype.is_complex:
                    raise  # what says that it has no complex numbers gives no wrong ones
            count += 1
    return some(count)


def check_sample(info: Any, function: Any, sample: Any, grads: bool, seed: int) -> None:
    """One sample: the results, and the gradients if ``grads``."""
    theirs, by_name = leaves((sample.input, *sample.args)), leaves(sample.kwargs)
    mine, named = ours(theirs, grads), ours(by_name, grads)
    # through the table's wrappers: gradients of symmetric matrices, results without a sign of their own
    whole, seen = info.gradcheck_wrapper if grads else called, sample.output_process_fn_grad
    torch.manual_seed(seed)  # the random stream is PyTorch's
    expected = seen(whole(info.op, *theirs, **by_name))
    tw.manual_seed(seed)
    found = seen(moved(whole)(function, *mine, **named))
    there, here, stand_in = expected, found, WRONG_THERE.get(info.name)
    if info.name in PLACES:
        there = pointed_at(function, theirs, by_name, expected)
        here = pointed_at(function, mine, named, found)
    same(here, there, stand_in if isinstance(stand_in, float) else 0, info.name in UNWRITTEN)
    if not grads:
        return
    if stand_in == "gradcheck":
        assert tw.autograd.gradcheck(lambda *given: function(*given, **named), tuple(mine))
        return
    check_gradients(
        found,
        expected,
        tensors_that_want((mine, named), tw.Tensor),
        tensors_that_want((theirs, by_name), torch.Tensor),
    )


def exists(x: Any) -> bool:
    """Whether an argument can be here at all: not on another device, of more axes than NumPy has, or sparse."""
    if isinstance(x, list | tuple):
        return all(exists(v) for v in x)
    if isinstance(x, dict):
        return exists(list(x.values()))
    if isinstance(x, torch.Tensor):
        return x.device.type == "cpu" and x.ndim <= 64 and exists(x.layout)
    return not isinstance(x, torch.layout) or x is torch.strided


def sharing(x: Any, storages: dict[int, Any]) -> Any:
    """As ``ours``, but tensors that share a storage share one here."""
    if isinstance(x, torch.Tensor) and not x.numel():
        return storages.setdefault(id(x), ours(x, False))
    if isinstance(x, torch.Tensor):
        storage = x.untyped_storage()
        if storage.data_ptr() not in storages:
            whole = torch.as_strided(x.detach(), (storage.nbytes() // x.element_size(),), (1,), 0)
            storages[storage.data_ptr()] = tw.tensor(whole.resolve_conj().numpy())
        whole = storages[storage.data_ptr()]
        return whole.as_strided(tuple(x.shape), x.stride(), x.storage_offset())
    if type(x) in (list, tuple):
        return type(x)(sharing(v, storages) for v in x)
    return (
        {k: sharing(v, storages) for k, v in x.items()} if isinstance(x, dict) else ours(x, False)
    )


def check_errors(info: Any) -> int:
    """Run every error input of an entry; gives how many, raises where none or another type comes."""
    function = counterpart(info)
    count = 0
    for error in info.error_inputs("cpu") if info.error_inputs_func else ():
        sample = error.sample_input
        if not exists([sample.input, *sample.args, sample.kwargs]):
            continue
        mine, named = sharing(((sample.input, *sample.args), sample.kwargs), {})
        try:
            function(*mine, **named)
        except error.error_type:
            count += 1
            continue
        raise AssertionError(f"no {error.error_type.__name__} for {error.error_regex!r}")
    return some(count)


def outcome(info: Any, check: Check = check_entry) -> str:
    """ "" if the entry passes, else the first failure in a line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            check(info)
        except Exception as error:  # whatever goes wrong is the entry's failure
            return f"{type(error).__name__}: {' '.join(str(error).split())}"
    return ""


def listed(path: Path) -> list[str]:
    """The entries that a file names."""
    return path.read_text().splitlines()


def passing() -> dict[str, Any]:
    """The entries of op_db of which every sample is right here."""
    table = entries()
    return {name: table[name] for name in listed(PASSING)}


def command(text: str | None, table: dict[str, Any], *lists: tuple[Path, Check, str]) -> None:
    """What the command line asks of a table: a run of all its entries, or of one.

    Args:
        text: what ``--help`` says.
        lists: each a file, what the entries that it names pass, and in words what they do.
    """
    arguments = argparse.ArgumentParser(description=text)
    files = " and ".join(path.name for path, _, _ in lists)
    arguments.add_argument("--update", action="store_true", help=f"rewrite {files}")
    arguments.add_argument("--why", metavar="NAME", help="show the first failure of an entry")
    options = arguments.parse_args()
    if options.why and options.why not in table:
        arguments.error(f"--why: no entry is called {options.why!r}")
    warnings.simplefilter("ignore")
    for path, check, does in lists:
        if options.why:
            try:
                print(f"{path.name}: {check(table[options.why])} samples pass")
            except Nothing as nothing:
                print(f"{path.name}: {nothing}")
            except Exception:
                print(f"{path.name}: {traceback.format_exc()}")
            continue
        failures = {name: outcome(entry, check) for name, entry in table.items()}
        right = sorted(name for name, failure in failures.items() if not failure)
        wrong = {k: v for k, v in failures.items() if v and not v.startswith(Nothing.__name__)}
        for name, failure in wrong.items():
            print(f"{name}: {failure[:150]}")
        empty = len(failures) - len(right) - len(wrong)
        print(f"{len(right)} of {len(table)} entries {does}; {empty} have nothing to check")
        if options.update:
            path.write_text("".join(f"{name}\n" for name in right))


def main() -> None:
    command(
        __doc__,
        entries(),
        (PASSING, check_entry, "pass"),
        (REFUSING, check_errors, "refuse every error input with the type of PyTorch's error"),
    )


if __name__ == "__main__":
    main()
