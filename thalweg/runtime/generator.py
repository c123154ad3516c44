"""Random numbers: PyTorch's CPU stream, from NumPy's Mersenne twister.

Each method draws as many raw 32-bit words as PyTorch does, in its order, so that a seeded program meets
the same numbers and the stream stays in step. Learned by trial against torch 2.13.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from . import rejection
from .fused import fused
from .normals import box_muller
from .state import state

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]
_DEFAULT_SEED = 67280421310721
_F32, _F64 = np.dtype(np.float32), np.dtype(np.float64)
_PIECE = (
    1 << 16
)  # draws made at a time: what is computed on the way takes little memory beside the result


class Generator:
    """A stream of random numbers with a seed of its own."""

    def __init__(self, device: Any = "cpu") -> None:
        if str(device) != "cpu":
            raise RuntimeError(
                f"Generator: device {str(device)!r} is not available: this build has 'cpu' only"
            )
        self.device = device
        self._lock = threading.RLock()
        self.manual_seed(_DEFAULT_SEED)

    # Seeds and states

    def manual_seed(self, seed: int) -> Generator:
        """Begin the stream of ``seed``, an integer in [-2**63, 2**64)."""
        seed = int(seed)
        if not -(2**63) <= seed < 2**64:
            raise ValueError(
                f"Overflow when unpacking long: seed {seed} is outside [-2**63, 2**64)"
            )
        with self._lock:
            self._seed = seed % 2**64
            self._begun: np.random.RandomState | None = None
            self._spare: float | None = None
        return self

    def seed(self) -> int:
        """Begin a stream of a seed from the operating system; gives the seed."""
        self.manual_seed(int.from_bytes(os.urandom(8), "little") >> 1)
        return self._seed

    def initial_seed(self) -> int:
        """The seed that the stream began with."""
        return self._seed

    def get_state(self) -> Array:
        """(N,) uint8: where the stream is, for ``set_state``."""
        with self._lock:
            _, keys, position, _, _ = self._twister().get_state()
            spare = math.nan if self._spare is None else self._spare
            words = np.concatenate(
                [np.array([self._seed, position], np.uint64), np.asarray(keys, np.uint64)]
            )
            return np.concatenate([words.view(np.uint8), np.array([spare]).view(np.uint8)])

    def set_state(self, state: Any) -> Generator:
        """Go on from where ``get_state`` was called."""
        raw = np.ascontiguousarray(np.asarray(state), np.uint8)
        if raw.size != 8 * (2 + 624 + 1):
            raise RuntimeError(
                f"set_state: expected {8 * 627} bytes that get_state gave, got {raw.size}"
            )
        words = raw[:-8].view(np.uint64)
        spare = float(raw[-8:].view(np.float64)[0])
        with self._lock:
            self.manual_seed(int(words[0]))
            self._twister().set_state(
                ("MT19937", words[2:].astype(np.uint32), int(words[1]), 0, 0.0)
            )
            self._spare = None if math.isnan(spare) else spare
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy, and a pickle, goes on from where this stream is."""
        return _at_state, (self.get_state(),)

    # Raw words

    def _twister(self) -> np.random.RandomState:
        """The source of the words, made at the first draw: `import thalweg` need not load numpy.random."""
        if self._begun is None:
            self._begun = np.random.RandomState(self._seed & 0xFFFFFFFF)
        return self._begun

    def _words(self, count: int) -> Array:
        """The next ``count`` raw words, uint32."""
        watch = state.here.watch
        if watch is not None and watch.levels:
            raise RuntimeError(
                "vmap: a random function that vmap does not know was called: draw outside and pass the numbers in"
            )
        return self._twister().randint(0, 2**32, count, np.uint32)

    def _longs(self, count: int) -> Array:
        """The next ``count`` pairs of words as uint64, the high word first."""
        words = self._words(2 * count).astype(np.uint64)
        return (words[0::2] << np.uint64(32)) | words[1::2]

    def _unit(self, count: int, dtype: np.dtype[Any]) -> Array:
        """``count`` numbers in [0, 1): 24 random bits in float32 and what is rounded from it, 53 in float64."""
        if dtype != _F64:
            return (self._words(count) & np.uint32(0xFFFFFF)).astype(np.float32) * np.float32(
                2.0**-24
            )
        return (self._longs(count) & np.uint64(2**53 - 1)).astype(np.float64) * 2.0**-53

    # Distributions

    def random(self, shape: Shape, dtype: Any = np.float32) -> Array:
        """Uniform in [0, 1)."""
        kind = np.dtype(dtype)
        with self._lock:
            return _filled(shape, kind, lambda n: self._unit(n, kind))

    def uniform(
        self, shape: Shape, low: float = 0.0, high: float = 1.0, dtype: Any = np.float32
    ) -> Array:
        """Uniform in [low, high)."""
        if low > high:
            raise RuntimeError(
                f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}"
            )
        kind = np.dtype(dtype)
        width, start = kind.type(high) - kind.type(low), kind.type(low)

        def draw(n: int) -> Array:
            units = self._unit(n, kind)
            if kind == _F64:
                return fused(units, width, start)
            return units.astype(_F64) * float(width) + float(start)  # the product is exact

        with self._lock:
            return _filled(shape, kind, draw)

    def normal(
        self,
        shape: Shape,
        mean: float = 0.0,
        std: float = 1.0,
        dtype: Any = np.float32,
        singly: bool = False,
    ) -> Array:
        """Normal with the given mean and standard deviation; half types are rounded from float32.

        ``singly`` draws them one after another in float64, as PyTorch does where memory is not filled in a row, and
        always draws fewer than 16.
        """
        if std < 0:
            raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
        count, kind = math.prod(shape), np.dtype(dtype)
        with self._lock:
            if singly or count < 16:
                draws = self._normals_in_pairs(count)
                return (draws * std + mean).astype(kind).reshape(shape)
            half, rest = kind.itemsize == 2, count % 16
            units = np.empty(count - rest + 16 * bool(rest), _F32 if half else kind)
            _fill(units[: count - rest], lambda n: self._unit(n, units.dtype))
            if rest:
                self._unit(0 if half else rest, units.dtype)  # drawn, and given to nobody
                units[-16:] = self._unit(16, units.dtype)
        box_muller(units, mean, std)
        if rest:
            units[count - 16 : count] = units[-16:]
        return units[:count].astype(kind, copy=False).reshape(shape)

    def _normals_in_pairs(self, count: int) -> Array:
        """Normals in float64; they come in pairs, and the second of the last is kept for the next call."""
        kept = [] if self._spare is None or not count else [self._spare]
        pairs = (count - len(kept) + 1) // 2
        angle, radius = self._unit(2 * pairs, _F64).reshape(-1, 2).T
        radius, angle = np.sqrt(-2 * np.log1p(-radius)), 2 * math.pi * angle
        drawn = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).reshape(-1)
        found = np.concatenate([kept, drawn])
        if count:
            self._spare = float(found[count]) if len(found) > count else None
        return found[:count]

    def integers(self, low: int, high: int, shape: Shape, dtype: Any = np.int64) -> Array:
        """Whole numbers in [low, high)."""
        if low >= high:
            raise RuntimeError(
                f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
            )
        span = high - low

        def draw(n: int) -> Array:
            words = self._longs(n) if span >= 2**28 else self._words(n).astype(np.uint64)
            found = words % np.uint64(span) if span < 2**64 else words
            return found.astype(np.int64) + low

        with self._lock:
            return _filled(shape, np.dtype(dtype), draw)

    def any_integers(self, shape: Shape, dtype: Any = np.int64) -> Array:
        """Whole numbers over all that the type holds: from 0 up to its maximum (2**mantissa for floats)."""
        kind = np.dtype(dtype)

        def draw(n: int) -> Array:
            if kind == np.int64:
                return self._longs(n) & np.uint64(2**63 - 1)
            if kind == _F64:
                return self._longs(n) % np.uint64(2**53 + 1)
            top = {"b": 2, "f": 2**24 + 1}.get(kind.kind) or int(np.iinfo(kind).max) + 1
            return self._words(n) % np.uint32(top)

        with self._lock:
            return _filled(shape, kind, draw)

    def permutation(self, n: int) -> Array:
        """(n,) int64: 0 to n-1 in random order. Source: Fisher and Yates 1938."""
        return _shuffled(self.skip_permutation(n))

    def skip_permutation(self, n: int) -> Array:
        """Draw what a permutation of n takes: (n,) int64, for each place the one at or after it to change with."""
        with self._lock:
            draws = self._words(max(n - 1, 0))
        draws %= np.arange(n, 1, -1, dtype=np.uint32)
        targets = np.arange(n)
        targets[: len(draws)] += draws
        return targets

    def bernoulli(self, p: float, shape: Shape) -> Array:
        """bool: True with probability ``p``."""
        if not 0 <= p <= 1:
            raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
        with self._lock:
            return _filled(shape, np.dtype(bool), lambda n: self._unit(n, _F64) < p)

    def bernoulli_array(self, p: Array) -> Array:
        """bool of p's shape: True with probability ``p`` of each element."""
        if p.size and not bool(np.all((p >= 0) & (p <= 1))):
            raise RuntimeError(
                "Expected p_in >= 0 && p_in <= 1 to be true: probabilities lie in [0, 1]"
            )
        with self._lock:
            return np.asarray(self._unit(p.size, p.dtype).reshape(p.shape) < p)

    def exponential(self, shape: Shape, rate: float = 1.0, dtype: Any = np.float32) -> Array:
        """Exponential with the given rate."""
        if rate <= 0:
            raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={rate}")
        with self._lock:
            return _filled(shape, np.dtype(dtype), lambda n: -np.log1p(-self._unit(n, _F64)) / rate)

    def geometric(self, shape: Shape, p: float, dtype: Any = np.float32) -> Array:
        """How many trials of success ``p`` until the first one, 1 or more."""
        if not 0 < p < 1:
            raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p}")
        kind = np.dtype(dtype)

        def draw(n: int) -> Array:
            return np.ceil(np.log(self._unit(n, _F64)) / math.log1p(-p)).astype(kind)

        with self._lock, np.errstate(divide="ignore"):
            return _filled(shape, kind, draw)

    def cauchy(self, shape: Shape, median: float, sigma: float, dtype: Any = np.float32) -> Array:
        """Cauchy with the given median and half-width."""
        if sigma <= 0:
            raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")

        def draw(n: int) -> Array:
            return median + sigma * np.tan(math.pi * (self._unit(n, _F64) - 0.5))

        with self._lock:
            return _filled(shape, np.dtype(dtype), draw)

    def log_normal(self, shape: Shape, mean: float, std: float, dtype: Any = np.float32) -> Array:
        """exp of normals with the given mean and standard deviation, drawn one by one."""
        if std <= 0:
            raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std}")
        draws = self._one_by_one(lambda ahead, _: ahead.normal(), np.empty(shape, np.float64))
        return np.exp(draws * std + mean).astype(dtype)

    def gamma(self, shapes: Array) -> Array:
        """float64 gamma numbers of rate 1, one for each of ``shapes``."""
        return self._one_by_one(rejection.gamma, shapes)

    def poisson(self, rates: Array) -> Array:
        """float64 Poisson numbers, one for each of ``rates``."""
        if rates.size and (rates < 0).any():
            raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
        return self._one_by_one(rejection.poisson, rates)

    def binomial(self, counts: Array, chances: Array) -> Array:
        """float64: how many of ``counts`` trials succeed, each with the chance of the same place."""
        return self._one_by_one(rejection.binomial, counts, chances)

    def _one_by_one(self, draw: Callable[..., float], *parameters: Array) -> Array:
        """What ``draw(ahead, *numbers)`` gives for each place; the stream goes on after what these took."""
        rows = [np.asarray(p, np.float64).ravel().tolist() for p in parameters]
        with self._lock:
            twister = self._twister()
            before = twister.get_state(legacy=False)
            ahead = rejection.Ahead(lambda n: self._unit(n, _F64), self._spare)
            found = [draw(ahead, *numbers) for numbers in zip(*rows, strict=True)]
            twister.set_state(before)
            self._words(2 * ahead.used)
            self._spare = ahead.spare
        return np.array(found, np.float64).reshape(parameters[0].shape)

    def multinomial(self, weights: Array, count: int, replacement: bool = False) -> Array:
        """(..., count) int64: indices drawn in proportion to the last axis of ``weights``."""
        if count == 1 or not replacement:
            race = weights / self.exponential(weights.shape, 1.0, weights.dtype)
            order = np.argsort(-race, axis=-1, kind="stable")
            return np.ascontiguousarray(order[..., :count])
        sums = np.cumsum(weights, axis=-1, dtype=weights.dtype)
        shares = sums / sums[..., -1:]
        with self._lock:
            units = self._unit(math.prod(weights.shape[:-1]) * count, _F64)
        rows = shares.reshape(-1, weights.shape[-1])
        picks = [
            np.searchsorted(row, u)
            for row, u in zip(rows, units.reshape(len(rows), count), strict=True)
        ]
        last = weights.shape[-1] - 1
        return (
            np.minimum(np.array(picks), last).reshape(*weights.shape[:-1], count).astype(np.int64)
        )


def _filled(shape: Shape, dtype: np.dtype[Any], draw: Callable[[int], Array]) -> Array:
    """An array of what ``draw(n)``, (n,), gives piece by piece, converted to ``dtype``."""
    found = np.empty(math.prod(shape), dtype)
    _fill(found, draw)
    return found.reshape(shape)


def _fill(found: Array, draw: Callable[[int], Array]) -> None:
    """Put what ``draw(n)``, (n,), gives piece by piece into ``found``, (N,)."""
    for begin in range(0, found.size, _PIECE):
        end = min(begin + _PIECE, found.size)
        found[begin:end] = draw(end - begin)


def _shuffled(targets: Array) -> Array:
    """0 to n-1 after place after place has changed with its target, which is no earlier one, all at once.

    What a place holds when its turn comes was put there by the last earlier place with this target, which gave what
    it then held itself: chains to one that nobody had touched, which are followed by doubling. And what a place gets
    is what the place before it with the same target held; the target's own number if there was none.
    """
    n = len(targets)
    held, order = np.arange(n), targets << 32
    order |= held
    order.sort()  # by target, then by place
    order &= 2**32 - 1
    aims = targets[order]
    earlier = order < aims
    held[aims[earlier]] = order[earlier]  # of several the last counts
    further = np.empty_like(held)
    while not np.array_equal(np.take(held, held, out=further, mode="clip"), held):
        held, further = further, held
    again = np.flatnonzero(aims[1:] == aims[:-1])
    aims[again + 1] = held[order[again]]
    further[order] = aims
    return further


class _Stream:
    """Where a stream is: its seed, its raw words, a normal that was drawn and not yet given."""

    _seed: int
    _begun: np.random.RandomState | None
    _spare: float | None


class DefaultGenerator(Generator):
    """The default stream; a thread may have one of its own, as PyTorch's worker processes have."""

    def __init__(self) -> None:
        self._shared = _Stream()
        self._thread = threading.local()
        super().__init__()

    def begin_own(self, seed: int) -> None:
        """From now on this thread draws from its own stream, which begins with ``seed``."""
        self._thread.own = _Stream()
        self.manual_seed(seed)


def _kept_in_stream(name: str) -> property:
    """An attribute of the generator that is found in the thread's own stream where it has one."""

    def stream(self: Any) -> _Stream:
        return getattr(self._thread, "own", self._shared)

    def read(self: Any) -> Any:
        return getattr(stream(self), name)

    def write(self: Any, value: Any) -> None:
        setattr(stream(self), name, value)

    return property(read, write)


for _name in _Stream.__annotations__:
    setattr(DefaultGenerator, _name, _kept_in_stream(_name))

default_generator = DefaultGenerator()


def manual_seed(seed: int) -> Generator:
    """Begin the default stream of ``seed``."""
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Begin the default stream anew from the operating system; gives the seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed of the default stream."""
    return default_generator.initial_seed()


def _at_state(state: Array) -> Generator:
    return Generator().set_state(state)
