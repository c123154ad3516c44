"""Pruning: which elements of a parameter are set to zero, and modules that keep them so.

Note: pruned parameters. ``name`` becomes ``name_orig``, a parameter that is trained, and ``name_mask``, a buffer of ones
and zeros; ``name`` itself is an attribute, their product, which a hook computes anew before each call. The hook is the
pruning method; pruned again, it becomes a PruningContainer of all methods so far, whose last one finds the next mask
among what the mask before left.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from numbers import Integral, Real
from typing import Any, TypeVar

from ...tensor import Tensor
from ...tensor.creation import ones_like, zeros_like
from ...tensor.norms import norm_of
from ...tensor.random import rand, rand_like
from ...tensor.sorting import kthvalue, topk
from ..module import Module
from .vector import parameters_to_vector

M = TypeVar("M", bound=Module)
Amount = int | float
Scores = dict[tuple[Module, str], Tensor]


class BasePruningMethod(ABC):
    """What finds a mask and keeps a parameter under it: a subclass defines ``compute_mask`` and ``PRUNING_TYPE``.

    Attributes:
        PRUNING_TYPE: what a PruningContainer gives ``compute_mask``: "unstructured", the elements that are left as
            (K,); "structured", the slices along ``self.dim`` in which anything is left; "global", all of it.
    """

    PRUNING_TYPE: str
    _tensor_name: str

    def __call__(self, module: Module, inputs: Any) -> None:
        """Before each call: the parameter anew, from what is trained and the mask."""
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """(*) the mask: 1 where an element stays.

        Args:
            t: (*) the scores, the higher the sooner an element stays.
            default_mask: (*) the mask so far.
        """

    def apply_mask(self, module: Module) -> Tensor:
        """(*) the pruned parameter of ``module``."""
        original = getattr(module, f"{self._tensor_name}_orig")
        pruned: Tensor = getattr(module, f"{self._tensor_name}_mask").to(original.dtype) * original
        return pruned

    @classmethod
    def apply(
        cls,
        module: Module,
        name: str,
        *args: Any,
        importance_scores: Tensor | None = None,
        **kwargs: Any,
    ) -> BasePruningMethod:
        """Prune the parameter ``name`` (*) of ``module``, from now on before each call; gives the hook.

        Args:
            importance_scores: (*) what is compared in place of the parameter.
            args, kwargs: of this method's constructor.
        """
        earlier = _hooks_of(module, name)
        if len(earlier) > 1:
            raise AssertionError(
                f"{len(earlier)} pruning hooks on {name} of {module}: put them into one PruningContainer"
            )
        for key in earlier:
            del module._forward_pre_hooks[key]
        method: BasePruningMethod = cls(*args, **kwargs)
        method._tensor_name = name
        for old in earlier.values():
            container = old if isinstance(old, PruningContainer) else PruningContainer(old)
            container.add_pruning_method(method)
            method = container
        scores = _scores(importance_scores, getattr(module, name), f"parameter {name} of {module}")
        if isinstance(method, PruningContainer):
            mask = getattr(module, f"{name}_mask").detach().clone()
            method._put_on(module, method.compute_mask(scores, default_mask=mask))
        else:
            method._put_on_first(module, scores)
        return method

    def _put_on_first(self, module: Module, scores: Tensor) -> None:
        """Split the parameter; it is whole again where there is no mask for ``scores`` (*)."""
        name = self._tensor_name
        original = getattr(module, name)
        module.register_parameter(f"{name}_orig", original)
        del module._parameters[name]
        try:
            mask = self.compute_mask(scores, default_mask=ones_like(original))
            self._put_on(module, mask)
        except Exception:
            module.register_parameter(name, original)
            del module._parameters[f"{name}_orig"]
            raise

    def _put_on(self, module: Module, mask: Tensor) -> None:
        module.register_buffer(f"{self._tensor_name}_mask", mask)
        self(module, ())
        module.register_forward_pre_hook(self)

    def prune(
        self,
        t: Tensor,
        default_mask: Tensor | None = None,
        importance_scores: Tensor | None = None,
    ) -> Tensor:
        """(*) ``t`` (*) with zeros where the mask, found by ``importance_scores`` (*) or by ``t``, has them.

        Args:
            default_mask: (*) a mask from before.
        """
        scores = _scores(importance_scores, t, "tensor t")
        before = ones_like(t) if default_mask is None else default_mask
        pruned: Tensor = t * self.compute_mask(scores, default_mask=before)
        return pruned

    def remove(self, module: Module) -> None:
        """Make the pruned parameter, of its value now, a parameter under its own name again."""
        name = self._tensor_name
        pruned = self.apply_mask(module)
        if hasattr(module, name):
            delattr(module, name)
        original: Any = module._parameters[f"{name}_orig"]
        original.data = pruned.data
        del module._parameters[f"{name}_orig"], module._buffers[f"{name}_mask"]
        setattr(module, name, original)


def _hooks_of(module: Module, name: str | None = None) -> dict[int, BasePruningMethod]:
    """The pruning hooks of ``module``, on ``name`` if that is given."""
    return {
        key: hook
        for key, hook in module._forward_pre_hooks.items()
        if isinstance(hook, BasePruningMethod) and name in (None, hook._tensor_name)
    }


def _scores(given: Tensor | None, pruned: Tensor, what: str) -> Tensor:
    """``given`` (*), or where it is None ``pruned`` (*), which must have the same shape."""
    if given is None:
        return pruned
    if given.shape != pruned.shape:
        raise AssertionError(
            f"importance_scores should have the same shape as {what}, got {given.shape} vs {pruned.shape}"
        )
    return given


class PruningContainer(BasePruningMethod):
    """Pruning methods on one parameter, in the order in which they came."""

    def __init__(self, *args: BasePruningMethod) -> None:
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        if len(args) == 1:
            self._tensor_name = args[0]._tensor_name
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod) -> None:
        """Put ``method`` after the others.

        Raises:
            TypeError: it is no pruning method.
            ValueError: it is for another parameter.
        """
        if not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if self._tensor_name != method._tensor_name:
            raise ValueError(
                f"Can only add pruning methods acting on the parameter named '{self._tensor_name}' to "
                f"PruningContainer {self}. Found '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, idx: Any) -> Any:
        return self._pruning_methods[idx]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """(*) ``default_mask`` (*) with what the last method takes away of what it leaves, by the scores ``t`` (*)."""
        method = self._pruning_methods[-1]
        left = _left_by(default_mask, method, t.ndim)
        mask = default_mask.to(t.dtype, copy=True)
        mask[left] = method.compute_mask(t[left], default_mask=default_mask[left]).to(mask.dtype)
        return mask


def _left_by(mask: Tensor, method: BasePruningMethod, ndim: int) -> Any:
    """The index of what ``mask`` (*) leaves for ``method`` to choose among."""
    if method.PRUNING_TYPE == "unstructured":
        return mask == 1
    if method.PRUNING_TYPE == "global":
        return (slice(None),) * ndim
    if method.PRUNING_TYPE != "structured":
        raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
    if not hasattr(method, "dim"):
        raise AttributeError(
            'Pruning methods of PRUNING_TYPE "structured" need to have the attribute `dim` defined.'
        )
    dim = method.dim + ndim if method.dim < 0 else method.dim
    if dim < 0:
        raise IndexError(f"Index is out of bounds for tensor with dimensions {ndim}")
    kept = mask.sum(dim=[d for d in range(ndim) if d != dim]) != 0
    return _along(ndim, dim, kept)


def _along(ndim: int, dim: int, index: Tensor) -> tuple[Any, ...]:
    """The index that takes ``index`` (K,) along ``dim`` and all along the other axes."""
    whole: list[Any] = [slice(None)] * ndim
    whole[dim] = index
    return tuple(whole)


def _checked_amount(amount: Any) -> Any:
    """``amount``, which is a fraction or a number of elements."""
    if not isinstance(amount, Real):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    size = float(amount)
    if size < 0 or (size > 1 and not isinstance(amount, Integral)):
        raise ValueError(
            f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer"
        )
    return amount


def _count(amount: Amount, size: int) -> int:
    """How many of ``size`` are pruned, for a fraction or a number."""
    count = int(amount) if isinstance(amount, Integral) else round(amount * size)
    if count > size:
        raise ValueError(
            f"amount={count} should be smaller than the number of parameters to prune={size}"
        )
    return count


def _without(mask: Tensor, places: Tensor) -> Tensor:
    """(*) ``mask`` (*) with zeros at ``places`` (K,), counted through all its elements."""
    result = mask.contiguous().clone()
    result.view(-1)[places] = 0
    return result


class Identity(BasePruningMethod):
    """Prunes nothing: the parameter is split as for pruning, under a mask of ones."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """(*) ``default_mask`` (*)."""
        return default_mask

    @classmethod
    def apply(cls, module: Module, name: str) -> BasePruningMethod:  # type: ignore[override]  # as in PyTorch
        """Split the parameter ``name`` (*) of ``module``."""
        return super().apply(module, name)


class _Unstructured(BasePruningMethod):
    """Prunes single elements: the fraction ``amount`` of them, or their number."""

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount: Amount) -> None:
        self.amount = _checked_amount(amount)


class RandomUnstructured(_Unstructured):
    """Prunes elements by chance: the fraction ``amount`` of them, or their number."""

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """(*) ``default_mask`` (*) without as many elements as those of ``t`` (*) say."""
        count = _count(self.amount, t.numel())
        chance = rand_like(t).view(-1) if count else t.view(-1)
        return _without(default_mask, topk(chance, count).indices)

    @classmethod
    def apply(cls, module: Module, name: str, amount: Amount) -> BasePruningMethod:  # type: ignore[override]
        """Prune ``amount`` of the parameter ``name`` (*) of ``module``."""
        return super().apply(module, name, amount=amount)


class L1Unstructured(_Unstructured):
    """Prunes the elements of least magnitude: the fraction ``amount`` of them, or their number."""

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """(*) ``default_mask`` (*) without the elements at which ``t`` (*) is least."""
        count = _count(self.amount, t.numel())
        return _without(default_mask, topk(t.detach().abs().view(-1), count, largest=False).indices)

    @classmethod
    def apply(  # type: ignore[override]  # as in PyTorch
        cls, module: Module, name: str, amount: Amount, importance_scores: Tensor | None = None
    ) -> BasePruningMethod:
        """Prune ``amount`` of the parameter ``name`` (*) of ``module``, by ``importance_scores`` (*) or itself."""
        return super().apply(module, name, amount=amount, importance_scores=importance_scores)


class _Structured(BasePruningMethod):
    """Prunes whole slices along ``dim``: the fraction ``amount`` of them, or their number."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: Amount, dim: int) -> None:
        self.amount = _checked_amount(amount)
        self.dim = dim

    def _slices(self, t: Tensor) -> tuple[int, int]:
        """How many slices ``t`` (*) has, and how many are pruned."""
        if t.ndim <= 1:
            raise ValueError(
                "Structured pruning can only be applied to multidimensional tensors. Found tensor of shape "
                f"{t.shape} with {t.ndim} dims"
            )
        if self.dim >= t.ndim:
            raise IndexError(f"Invalid index {self.dim} for tensor of size {t.shape}")
        size = t.shape[self.dim]
        return size, _count(self.amount, size)

    def _with_only(self, kept: Tensor, t: Tensor, default_mask: Tensor) -> Tensor:
        """(*) ``default_mask`` (*) in the slices ``kept`` (K,) of ``t`` (*), 0 in the others."""
        mask = zeros_like(t)
        mask[_along(t.ndim, self.dim, kept)] = 1
        result: Tensor = mask * default_mask.to(mask.dtype)
        return result


class RandomStructured(_Structured):
    """Prunes slices along ``dim`` by chance."""

    def __init__(self, amount: Amount, dim: int = -1) -> None:
        super().__init__(amount, dim)

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """(*) ``default_mask`` (*) without as many slices as those of ``t`` (*) say."""
        size, count = self._slices(t)
        if not count:
            return default_mask
        chance = rand(size)
        return self._with_only(chance > kthvalue(chance, count).values, t, default_mask)

    @classmethod
    def apply(  # type: ignore[override]  # as in PyTorch
        cls, module: Module, name: str, amount: Amount, dim: int = -1
    ) -> BasePruningMethod:
        """Prune ``amount`` of the slices along ``dim`` of the parameter ``name`` (*) of ``module``."""
        return super().apply(module, name, amount=amount, dim=dim)


class LnStructured(_Structured):
    """Prunes the slices along ``dim`` of least norm ``n``, as ``norm`` takes it."""

    def __init__(self, amount: Amount, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """(*) ``default_mask`` (*) without the slices of least norm of ``t`` (*)."""
        size, count = self._slices(t)
        if not count:
            return default_mask
        others = [d for d in range(t.ndim) if d != self.dim % t.ndim]
        norms = norm_of(t.detach(), self.n, others)
        return self._with_only(topk(norms, size - count).indices, t, default_mask)

    @classmethod
    def apply(  # type: ignore[override]  # as in PyTorch
        cls,
        module: Module,
        name: str,
        amount: Amount,
        n: Any,
        dim: int,
        importance_scores: Tensor | None = None,
    ) -> BasePruningMethod:
        """Prune ``amount`` of the slices along ``dim`` of the parameter ``name`` (*), by ``importance_scores`` (*)."""
        return super().apply(
            module, name, amount=amount, n=n, dim=dim, importance_scores=importance_scores
        )


class CustomFromMask(BasePruningMethod):
    """Prunes where ``mask`` (*) is 0."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """(*) ``default_mask`` (*) where the mask given is 1."""
        if default_mask.shape != self.mask.shape:
            raise AssertionError(
                f"default_mask shape {default_mask.shape} must match self.mask shape {self.mask.shape}"
            )
        mask: Tensor = default_mask * self.mask.to(default_mask.dtype)
        return mask

    @classmethod
    def apply(cls, module: Module, name: str, mask: Tensor) -> BasePruningMethod:  # type: ignore[override]
        """Prune the parameter ``name`` (*) of ``module`` where ``mask`` (*) is 0."""
        return super().apply(module, name, mask=mask)


# The same as functions, which give the module back


def identity(module: M, name: str) -> M:
    """``module`` with its parameter ``name`` (*) split as for pruning, under a mask of ones."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: M, name: str, amount: Amount) -> M:
    """``module`` with ``amount`` of the elements of its parameter ``name`` (*) pruned by chance.

    Args:
        amount: a float, the fraction, or an int, the number; of what earlier pruning left.
    """
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(
    module: M, name: str, amount: Amount, importance_scores: Tensor | None = None
) -> M:
    """``module`` with ``amount`` of the elements of its parameter ``name`` (*) pruned, the least in magnitude.

    Args:
        amount: a float, the fraction, or an int, the number; of what earlier pruning left.
        importance_scores: (*) whose magnitudes are compared in place of the parameter's.
    """
    L1Unstructured.apply(module, name, amount, importance_scores)
    return module


def random_structured(module: M, name: str, amount: Amount, dim: int) -> M:
    """``module`` with ``amount`` of the slices along ``dim`` of its parameter ``name`` (*) pruned by chance."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: M,
    name: str,
    amount: Amount,
    n: Any,
    dim: int,
    importance_scores: Tensor | None = None,
) -> M:
    """``module`` with ``amount`` of the slices along ``dim`` of its parameter ``name`` (*) pruned, of the least norm.

    Args:
        n: which norm: a number, inf, "fro" or "nuc".
        importance_scores: (*) whose norms are compared in place of the parameter's.
    """
    LnStructured.apply(module, name, amount, n, dim, importance_scores)
    return module


def custom_from_mask(module: M, name: str, mask: Tensor) -> M:
    """``module`` with its parameter ``name`` (*) pruned where ``mask`` (*) is 0."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: Scores | None = None,
    **kwargs: Any,
) -> None:
    """Prune several parameters as if they were one.

    Args:
        parameters: modules, and the names of parameters (*) in them.
        pruning_method: a class of PRUNING_TYPE "unstructured", made with ``kwargs``.
        importance_scores: for some of ``parameters`` what is compared in their place, (*).
    Raises:
        TypeError: the method is structured, or an argument is of another type.
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    if not isinstance(importance_scores, dict | None):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    pairs = list(parameters)
    tensors = [getattr(module, name) for module, name in pairs]
    given = importance_scores or {}
    scores = [given.get(pair, t) for pair, t in zip(pairs, tensors, strict=True)]
    masks = [
        getattr(module, f"{name}_mask", ones_like(t))
        for (module, name), t in zip(pairs, tensors, strict=True)
    ]
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method '
            f"{pruning_method} of type {method.PRUNING_TYPE}"
        )
    method._tensor_name = "all of them"
    mask = PruningContainer(method).compute_mask(
        parameters_to_vector(scores), parameters_to_vector(masks)
    )
    start = 0
    for (module, name), t in zip(pairs, tensors, strict=True):
        custom_from_mask(module, name, mask[start : start + t.numel()].view(t.shape))
        start += t.numel()


def remove(module: M, name: str) -> M:
    """``module`` with its pruned parameter ``name`` (*) an ordinary one again, with the zeros in it.

    Raises:
        ValueError: it is not pruned.
    """
    for key, hook in _hooks_of(module, name).items():
        hook.remove(module)
        del module._forward_pre_hooks[key]
        return module
    raise ValueError(
        f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed"
    )


def is_pruned(module: Module) -> bool:
    """Whether a parameter of ``module``, or of a module in it, is pruned."""
    return any(_hooks_of(inner) for inner in module.modules())
