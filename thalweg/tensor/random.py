"""Random tensors, drawn at once, in the order in which they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir import dtype as d
from ..ir.builder import Var
from ..ir.dtype import DType, get_default_dtype
from ..ops.composite import Op
from ..ops.elementwise import where
from ..runtime import generator as g
from ..runtime.device import as_device
from ..runtime.generator import Generator, default_generator
from .core import TensorCore
from .creation import DeviceLike, drawn, from_array, size_of
from .dispatch import dispatch
from .inplace import check_writable, overwrite
from .shape import broadcast_tensors, expand, permute

if TYPE_CHECKING:
    from .tensor import Tensor


Array = np.ndarray[Any, Any]


def _floating(dtype: DType | None, name: str, complex_too: bool = False) -> np.dtype[Any]:
    kind = dtype or get_default_dtype()
    if not (kind.is_floating_point or (complex_too and kind.is_complex)):
        raise NotImplementedError(
            f'"{name}" not implemented for {kind}: draw in a floating type and convert'
        )
    return kind.numpy


def _of_parts(
    kind: np.dtype[Any], draw: Callable[[tuple[int, ...], np.dtype[Any]], Array]
) -> Callable[[tuple[int, ...]], Array]:
    """``draw`` of a shape and a floating type; for a complex ``kind`` it draws real and imaginary parts side by side."""
    if kind.kind != "c":
        return lambda shape: draw(shape, kind)
    part = np.dtype(f"f{kind.itemsize // 2}")
    return lambda shape: draw((*shape, 2), part).view(kind)[..., 0]


def _normals(
    source: Generator, kind: np.dtype[Any], mean: float = 0, std: float = 1, singly: bool = False
) -> Callable[[tuple[int, ...]], Array]:
    """Draws normal numbers of a shape: of complex ones each part has half the variance."""
    std = std * 0.5**0.5 if kind.kind == "c" else std
    return _of_parts(kind, lambda shape, part: source.normal(shape, mean, std, part, singly))


def wanting(found: Any, requires_grad: bool) -> Any:
    """``found``, just drawn, as a leaf that wants a gradient if so."""
    return found.requires_grad_() if requires_grad else found


def rand(
    *size: Any,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Uniform in [0, 1), of the given size; of complex numbers both parts are."""
    as_device(device)
    kind = _floating(dtype, "rand", True)
    source = generator or default_generator
    return wanting(drawn(_of_parts(kind, source.random), size_of(size)), requires_grad)


def randn(
    *size: Any,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Standard normal, of the given size; both parts of complex numbers of variance 1/2."""
    as_device(device)
    kind = _floating(dtype, "randn", True)
    source = generator or default_generator
    return wanting(drawn(_normals(source, kind), size_of(size)), requires_grad)


def randint(
    low: Any = None,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Whole numbers in [low, high), of the given size; ``randint(high, size)`` starts at 0.

    Raises:
        TypeError: ``size`` or every bound is missing, or ``size`` is no tuple.
    """
    as_device(device)
    if size is None:
        high, size = None, high
    low, high = _bounds(low, high, size)
    kind = (dtype or d.int64).numpy
    source = generator or default_generator
    found = drawn(lambda shape: source.integers(low, high, shape, kind), size_of((size,)))
    return wanting(found, requires_grad)


def _bounds(low: Any, high: Any, size: Any) -> tuple[int, int]:
    """(low, high) where one of them may be left out."""
    if high is None:
        low, high = 0, low
    if high is None or isinstance(high, tuple | list) or not isinstance(size, tuple | list):
        raise TypeError(
            f"randint: expected randint(low, high, size) or randint(high, size) with a tuple of ints as size, "
            f"got low={low}, high={high}, size={size}"
        )
    return 0 if low is None else low, high


def randperm(
    n: int, *, generator: Generator | None = None, dtype: DType = d.int64, device: DeviceLike = None
) -> Tensor:
    """(n,) the numbers 0 to n-1 in random order."""
    if n < 0:
        raise RuntimeError(f"n must be non-negative, got {n}")
    source = generator or default_generator

    def draw(shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
        rows = [source.permutation(n).astype(dtype.numpy) for _ in range(prod(shape[:-1]))]
        return np.stack(rows).reshape(shape) if rows else np.zeros(shape, dtype.numpy)

    return drawn(draw, (n,))


def drawn_along(input: TensorCore, draw: Callable[..., Any], *sources: Any) -> Any:
    """A tensor of the shape of ``input``, filled in the order in which the elements of ``input`` lie in memory."""
    view, shape = input._view, tuple(input.shape)
    order = None if view is None else view.memory_order()
    if sources or order is None:
        return drawn(draw, shape, *sources)
    found = drawn(draw, tuple(shape[axis] for axis in order))
    return permute(found, tuple(order.index(axis) for axis in range(len(order))))


def _reordered(input: TensorCore) -> bool:
    """Whether the axes of ``input`` lie in memory in another order than they have."""
    return input._view is not None and input._view.memory_order() is not None


def rand_like(
    input: TensorCore, *, dtype: DType | None = None, layout: Any = None, device: DeviceLike = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """Uniform in [0, 1), of the shape and type of ``input``."""
    as_device(device)
    kind = _floating(dtype or input.dtype, "rand")
    found = drawn_along(input, lambda shape: default_generator.random(shape, kind))
    return wanting(found, requires_grad)


def randn_like(
    input: TensorCore, *, dtype: DType | None = None, layout: Any = None, device: DeviceLike = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """Standard normal, of the shape and type of ``input``."""
    as_device(device)
    kind, singly = _floating(dtype or input.dtype, "randn"), _reordered(input)
    found = drawn_along(
        input, lambda shape: default_generator.normal(shape, dtype=kind, singly=singly)
    )
    return wanting(found, requires_grad)


def randint_like(
    input: TensorCore, low: int | None = None, high: int | None = None, *, dtype: DType | None = None,
    layout: Any = None, device: DeviceLike = None, requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """Whole numbers in [low, high), of the shape and type of ``input``."""
    as_device(device)
    low, high = _bounds(low, high, tuple(input.shape))
    kind = (dtype or input.dtype).numpy
    found = drawn_along(input, lambda shape: default_generator.integers(low, high, shape, kind))
    return wanting(found, requires_grad)


def _drawn(*sources_and_draws: Var) -> Var:
    """The last operand, with a gradient of zero for the others, which it was drawn from."""
    *sources, draws = sources_and_draws
    for source in sources:
        never = draws.builder.constant(False, d.bool_)
        draws = where(never, source.astype(draws.dtype), draws)
    return draws


_BERNOULLI = Op(_drawn, "BernoulliBackward0", (0,))
_NORMAL = {
    (True, True): Op(_drawn, "NormalBackward3", (0, 1)),
    (True, False): Op(_drawn, "NormalBackward1", (0,)),
    (False, True): Op(_drawn, "NormalBackward2", (0,)),
}


def normal(
    mean: Any, std: Any = 1.0, size: Any = None, *, generator: Generator | None = None, dtype: DType | None = None,
    layout: Any = None, device: DeviceLike = None, requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """Normal; ``mean`` and ``std`` are numbers (with ``size``) or tensors that broadcast."""
    as_device(device)
    source = generator or default_generator
    if size is not None:
        kind = _floating(dtype, "normal")
        found = drawn(lambda shape: source.normal(shape, mean, std, kind), size_of((size,)))
        return wanting(found, requires_grad)
    given = [
        x if isinstance(x, TensorCore) else from_array(np.asarray(x, np.float32))
        for x in (mean, std)
    ]
    parts = broadcast_tensors(*given)

    def draw(shape: tuple[int, ...], means: Any, stds: Any) -> Any:
        return source.normal(shape, dtype=np.result_type(means, stds)) * stds + means

    result = drawn(draw, tuple(parts[0].shape), *parts)
    sources = [x for x in (mean, std) if isinstance(x, TensorCore)]
    if not any(x.requires_grad for x in sources):
        return result
    chosen = _NORMAL[isinstance(mean, TensorCore), isinstance(std, TensorCore)]
    return dispatch(chosen, (*sources, result))


def bernoulli(
    input: TensorCore, p: float | None = None, *, generator: Generator | None = None
) -> Tensor:
    """1 with the probability that each element of ``input`` gives (or ``p``), else 0."""
    source, kind = generator or default_generator, input.dtype.numpy
    if p is not None:
        return drawn(lambda shape: source.bernoulli(p, shape).astype(kind), tuple(input.shape))
    _floating(input.dtype, "bernoulli")
    shape = tuple(input.shape)
    result = drawn(lambda _, array: source.bernoulli_array(array).astype(kind), shape, input)
    return dispatch(_BERNOULLI, (input, result)) if input.requires_grad else result


def multinomial(
    input: TensorCore,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """(num_samples,) or (N, num_samples): indices drawn in proportion to the rows of ``input``.

    Raises:
        RuntimeError: negative, infinite or NaN weights, a row of zeros, more samples than weights, or whole numbers.
    """
    if not input.dtype.is_floating_point:
        raise RuntimeError(
            f"multinomial only supports floating-point dtypes for input, got: {input.dtype}"
        )
    if input.ndim not in (1, 2):
        raise RuntimeError(f"prob_dist must be 1 or 2 dim, got {list(input.shape)}")
    if num_samples <= 0:
        raise RuntimeError(f"cannot sample n_sample <= 0 samples, got {num_samples}")
    if not replacement and num_samples > input.shape[-1]:
        raise RuntimeError(
            f"cannot sample n_sample > prob_dist.size(-1) samples without replacement: {num_samples} of {input.shape[-1]}"
        )
    source = generator or default_generator

    def draw(_: Any, weights: Any) -> Any:
        _check_weights(weights)
        return source.multinomial(weights, num_samples, replacement)

    return drawn(draw, (), input)


def _check_weights(weights: np.ndarray[Any, Any]) -> None:
    """RuntimeError where indices cannot be drawn in proportion to these."""
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if (weights.sum(-1) <= 0).any():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")


def get_rng_state() -> Tensor:
    """(N,) uint8: where the default stream is."""
    return from_array(default_generator.get_state())


def set_rng_state(new_state: Any) -> None:
    """Go on from where ``get_rng_state`` was called."""
    default_generator.set_state(
        new_state._array() if isinstance(new_state, TensorCore) else new_state
    )


def manual_seed(seed: int) -> Generator:
    """Begin the default random stream of ``seed``."""
    return g.manual_seed(seed)


class RandomMethods(TensorCore):
    """Tensor's methods that fill it with random numbers, in place."""

    def _fill(self, draw: Any, generator: Generator | None, node: str, *sources: Any) -> Any:
        check_writable(self)
        source, kind = generator or default_generator, self.dtype.numpy
        found = drawn_along(
            self,
            lambda shape, *arrays: np.asarray(draw(source, shape, kind, *arrays), kind),
            *sources,
        )
        return overwrite(self, found, node)

    def uniform_(
        self, a: float = 0, b: float = 1, *, generator: Generator | None = None, **names: float
    ) -> Tensor:
        """Fill with numbers uniform in [a, b) (PyTorch calls them ``from`` and ``to``)."""
        a, b = names.get("from", a), names.get("to", b)
        return self._fill(
            lambda source, shape, kind: _of_parts(
                kind, lambda size, part: source.uniform(size, a, b, part)
            )(shape),
            generator,
            "UniformBackward0",
        )

    def normal_(
        self, mean: float = 0, std: float = 1, *, generator: Generator | None = None
    ) -> Tensor:
        """Fill with normal numbers."""
        singly = self._view is not None and not self._view.as_there().is_contiguous()
        return self._fill(
            lambda source, shape, kind: _normals(source, kind, mean, std, singly)(shape),
            generator,
            "NormalBackward0",
        )

    def bernoulli_(self, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
        """Fill with 1 with probability ``p``, else 0."""
        if isinstance(p, TensorCore):
            return self._fill(
                lambda source, shape, kind, chances: source.bernoulli_array(
                    np.ascontiguousarray(chances)
                ),
                generator,
                "BernoulliBackward2",
                expand(p, tuple(self.shape)),  # type: ignore[arg-type]
            )
        return self._fill(
            lambda source, shape, kind: source.bernoulli(p, shape), generator, "BernoulliBackward2"
        )

    def exponential_(self, lambd: float = 1, *, generator: Generator | None = None) -> Tensor:
        """Fill with exponential numbers of rate ``lambd``."""
        return self._fill(
            lambda source, shape, kind: source.exponential(shape, lambd, kind),
            generator,
            "ExponentialBackward0",
        )

    def random_(
        self, *bounds: int, to: int | None = None, generator: Generator | None = None
    ) -> Tensor:
        """Fill with whole numbers: all that the type holds, in [0, to), or in [from, to)."""
        bounds = bounds if to is None else (*bounds, to)
        if not bounds:
            return self._fill(
                lambda source, shape, kind: source.any_integers(shape, kind),
                generator,
                "RandomBackward2",
            )
        low, high = (0, bounds[0]) if len(bounds) == 1 else bounds
        return self._fill(
            lambda source, shape, kind: source.integers(low, high, shape, kind),
            generator,
            "RandomBackward1" if len(bounds) == 1 else "RandomBackward0",
        )

    def multinomial(
        self, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
    ) -> Tensor:
        """Indices drawn in proportion to the rows."""
        return multinomial(self, num_samples, replacement, generator=generator)

    def bernoulli(self, p: float | None = None, *, generator: Generator | None = None) -> Tensor:
        """1 with the probability that each element gives, else 0."""
        return bernoulli(self, p, generator=generator)
