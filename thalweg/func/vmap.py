"""``vmap``: a function of one example, called for a whole batch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..tensor import Tensor
from ..tensor.joining import cat
from ..tensor.mapped import RANDOMNESS, Level, entered, left, mapped, mapping, under_way
from .pytree import Structure, flatten, spread_over, unflatten

Dims = Any  # an int or None for all, or such in containers as the arguments' or the results'


def vmap(
    func: Callable[..., Any],
    in_dims: Dims = 0,
    out_dims: Dims = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """The function that maps ``func`` over an axis of its arguments and stacks what it gives.

    Args:
        func: of tensors, in containers or not, without the mapped axis; gives such.
        in_dims: which axis of each argument is mapped, None where the argument is the same for all: one for all,
            or in containers as the arguments are. Arguments by name are the same for all, or mapped at 0 if tensors.
        out_dims: where that axis, of size B, is in each result; None where a result is the same for all.
        randomness: "error" if ``func`` may not draw; "different" or "same" numbers for each example.
        chunk_size: how many examples at a time; all by default.
    Raises:
        ValueError: ``in_dims`` or ``out_dims`` don't fit, the mapped sizes differ, or a result is no tensor.
        RuntimeError: ``func`` looks at numbers (``if``, ``item()``), or draws where it may not.

    See mapped.py for how.
    """
    if randomness not in RANDOMNESS:
        raise RuntimeError(
            f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}"
        )
    if not (chunk_size is None or chunk_size > 0):
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def over_batch(*args: Any, **kwargs: Any) -> Any:
        call = _Call(func, in_dims, out_dims, randomness)
        size = call.read(args, kwargs)
        if chunk_size is None or chunk_size >= size:
            return unflatten(call.run(call.leaves, size), call.structure)
        pieces = []
        for start in range(0, size, chunk_size):
            count = min(chunk_size, size - start)
            leaves = [
                t if dim is None else t.narrow(dim, start, count)
                for t, dim in zip(call.leaves, call.dims, strict=True)
            ]
            pieces.append(call.run(leaves, count))
        joined = [
            _joined(parts, dim)
            for parts, dim in zip(zip(*pieces, strict=True), call.out, strict=True)
        ]
        return unflatten(joined, call.structure)

    return over_batch


def _joined(parts: tuple[Any, ...], dim: int | None) -> Any:
    return parts[0] if dim is None else cat(list(parts), dim)


class _Call:
    """One call of a mapped function."""

    structure: Structure  # of the results
    out: list[int | None]

    def __init__(
        self, func: Callable[..., Any], in_dims: Dims, out_dims: Dims, randomness: str
    ) -> None:
        self.func, self.in_dims, self.out_dims, self.randomness = (
            func,
            in_dims,
            out_dims,
            randomness,
        )
        self.name = getattr(func, "__name__", repr(func))

    # Arguments

    def read(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
        """Keep the arguments and which axes are mapped; gives how many examples there are."""
        self.kwargs = kwargs
        if not args:
            raise ValueError(
                f"vmap({self.name})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to vmap "
                "over a function with no inputs. The latter is unsupported."
            )
        where = f"vmap({self.name}, in_dims={self.in_dims}, ...)(<inputs>)"
        if not isinstance(self.in_dims, int | tuple):
            raise ValueError(
                f"{where}: expected `in_dims` to be int or a (potentially nested) tuple matching the structure of "
                f"inputs, got: {type(self.in_dims)}."
            )
        self.leaves, self.given = flatten(args)
        dims = spread_over(self.in_dims, self.given)
        if dims is None:
            raise ValueError(
                f"{where}: in_dims is not compatible with the structure of `inputs`. in_dims has structure "
                f"{flatten(self.in_dims)[1]} but inputs has structure {self.given}."
            )
        self.dims = [_axis(where, t, dim) for t, dim in zip(self.leaves, dims, strict=True)]
        pairs = zip(self.leaves, self.dims, strict=True)
        sizes = [t.shape[dim] for t, dim in pairs if dim is not None]
        if not sizes:
            raise ValueError(
                "vmap: Expected at least one Tensor to vmap over: all in_dims are None"
            )
        if len(set(sizes)) > 1:
            raise ValueError(
                "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
                f"{sizes} for the mapped dimension"
            )
        return int(sizes[0])

    # Running

    def run(self, leaves: list[Any], size: int) -> list[Any]:
        """The results for these arguments, flat."""
        level = Level(size, self.randomness)
        with mapping((*under_way(), level)):
            args = unflatten(
                [
                    t if dim is None else entered(t, dim, level)
                    for t, dim in zip(leaves, self.dims, strict=True)
                ],
                self.given,
            )
            results, self.structure = flatten(self.func(*args, **self.kwargs))
        self.out = self._places(results)
        pairs = zip(results, self.out, strict=True)
        return [self._left(t, dim, level) for t, dim in pairs]

    def _places(self, results: list[Any]) -> list[int | None]:
        """For each result where its batch goes."""
        where = f"vmap({self.name}, ..., out_dims={self.out_dims})"
        bad = [d for d in flatten(self.out_dims)[0] if not (d is None or isinstance(d, int))]
        if bad:
            raise ValueError(
                f"{where}: `out_dims` must be an int, None or a python collection of ints representing where in the "
                "outputs the vmapped dimension should appear."
            )
        dims = spread_over(self.out_dims, self.structure)
        single = isinstance(self.out_dims, tuple) and len(self.out_dims) == 1
        if dims is None and single and self.structure.kind is None:
            dims = list(self.out_dims)
        if dims is None:
            raise ValueError(
                f"{where}(<inputs>): out_dims is not compatible with the structure of `outputs`. out_dims has structure "
                f"{flatten(self.out_dims)[1]} but outputs has structure {self.structure}."
            )
        for t, dim in zip(results, dims, strict=True):
            if dim is not None and not isinstance(t, Tensor):
                raise ValueError(
                    f"vmap({self.name}, ...): `{self.name}` must only return Tensors, got type {type(t)}. Did you mean "
                    "to set out_dims= to None for output?"
                )
        return dims

    def _left(self, t: Any, dim: int | None, level: Level) -> Any:
        """A result outside of the level, its batch at ``dim``."""
        inside = isinstance(t, Tensor) and level in t._levels
        if dim is None:
            if inside:
                raise ValueError(
                    f"vmap({self.name}, ...): `{self.name}` can not return a BatchedTensor when out_dim is None: it "
                    "differs from example to example"
                )
            return t
        return left(t, dim, level)


def _axis(where: str, t: Any, dim: Any) -> int | None:
    """Which axis of an argument is mapped, counted from the front."""
    if dim is None:
        return None
    if isinstance(dim, bool) or not isinstance(dim, int):
        raise ValueError(
            f"{where}: Got in_dim={dim} for an input but in_dim must be either an integer dimension or None."
        )
    if not isinstance(t, Tensor):
        raise ValueError(
            f"{where}: Got in_dim={dim} for an input but the input is of type {type(t)}. We cannot vmap over non-Tensor "
            "arguments, please use None as the respective in_dim"
        )
    rank = t.ndim
    if not -rank <= dim < rank:
        raise ValueError(
            f"{where}: Got in_dim={dim} for some input, but that input is a Tensor of dimensionality {rank} so expected "
            f"in_dim to satisfy -{rank} <= in_dim < {rank}."
        )
    return dim % rank


def debug_unwrap(tensor: Any, *, recurse: bool = True) -> Any:
    """What stands behind a tensor under ``vmap``: with an axis for each level in front, or only the innermost one.

    For looking at while debugging; another tensor is given back as it is.
    """
    levels = tensor._levels
    if not levels:
        return tensor
    return tensor._inner if recurse else mapped(tensor._inner, levels[:-1])


def functionalize(func: Callable[..., Any], *, remove: str = "mutations") -> Callable[..., Any]:
    """``func`` itself: what it writes in place, also through views, is recorded as new values anyway.

    Raises:
        RuntimeError: ``remove`` is neither "mutations" nor "mutations_and_views".
    """
    if remove not in ("mutations", "mutations_and_views"):
        raise RuntimeError(
            "functionalize(f, remove='mutations'): received invalid argument for remove= "
            f"{remove!r}: it is 'mutations' or 'mutations_and_views'"
        )
    return func
