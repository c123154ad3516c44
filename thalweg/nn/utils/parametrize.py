"""Parameters that are computed from others: ``module.weight`` is what its parametrizations make of the originals.

Note: parametrized modules. A module with one gets a class of its own, with a property for each such tensor, and a child
``parametrizations``, which has a ParametrizationList for each. The class of its own never belongs to a stretch
(stretch.py): what the property computes is not among its attributes.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ...tensor import Tensor
from ...tensor.modes import no_grad
from ..containers import ModuleDict, ModuleList
from ..module import Module
from ..parameter import Parameter


class _Cache:
    """What parametrizations gave within ``cached()``: by module and name."""

    depth = 0
    found: dict[tuple[int, str], Tensor] = {}


@contextmanager
def cached() -> Iterator[None]:
    """Within it, each parametrized tensor is computed once, at its first use."""
    _Cache.depth += 1
    try:
        yield
    finally:
        _Cache.depth -= 1
        if not _Cache.depth:
            _Cache.found = {}


def _register(module: Module, name: str, tensor: Any) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _set(target: Any, value: Any) -> None:
    """Make ``target`` (*), staying the object it is, show the memory of ``value`` (*)."""
    if target is not value:
        target.data = value.detach()


def _check_same(what: str, given: str, found: Any, wanted: Any) -> None:
    """Raise unless ``found`` is a tensor of the type and shape of ``wanted`` (*)."""
    if not isinstance(found, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(found).__name__}.")
    for kind in ("dtype", "shape"):
        new, old = getattr(found, kind), getattr(wanted, kind)
        if new != old:
            raise ValueError(
                f"{what} may not change the {kind} of the tensor, unless the `unsafe` flag is enabled: {given} has "
                f"{old}, parametrized {new}"
            )


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, applied one after another, and what they start from.

    Attributes:
        original: (*) what the first is given; or original0, original1, ..., where its ``right_inverse`` gives several.
        unsafe: type and shape of the result are not checked.
    """

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if not modules:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        wanted = original.detach()
        with no_grad():
            new = self._inverted(original, lenient=True)
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if self.is_tensor else len(new)
        if self.is_tensor:
            if new.dtype is not original.dtype:
                raise ValueError(
                    "When `right_inverse` outputs one tensor, it may not change the dtype: original.dtype is "
                    f"{original.dtype}, right_inverse(original).dtype {new.dtype}"
                )
            with no_grad():
                _set(original, new)
            _register(self, "original", original)
        else:
            self._keep_several(original, new)
        if not unsafe:
            _check_same("Registering a parametrization", "it", self(), wanted)

    def _keep_several(self, original: Tensor, new: Sequence[Tensor]) -> None:
        for i, tensor in enumerate(new):
            if not isinstance(tensor, Tensor):
                raise ValueError(
                    "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got element "
                    f"{i} of the sequence with type {type(tensor).__name__}."
                )
            if isinstance(original, Parameter):
                _register(self, f"original{i}", Parameter(tensor.detach(), original.requires_grad))
            else:
                _register(self, f"original{i}", tensor.detach())

    def _inverted(self, value: Any, lenient: bool) -> Any:
        """What the parametrizations would make ``value`` (*) of; ``lenient``: one without an inverse is skipped."""
        for module in reversed(list(self)):
            inverse = getattr(module, "right_inverse", None)
            if inverse is None:
                if not lenient:
                    raise RuntimeError(
                        f"parametrization {type(module).__name__} does not implement right_inverse."
                    )
                continue
            try:
                value = inverse(value)
            except NotImplementedError:
                if not lenient:
                    raise
        if not isinstance(value, Tensor) and not isinstance(value, Sequence):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got "
                f"{type(value).__name__}."
            )
        return value

    def originals(self) -> list[Tensor]:
        """What the first parametrization is given, (*) each."""
        if self.is_tensor:
            return [self.original]
        return [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def right_inverse(self, value: Tensor) -> None:
        """Write what would give ``value`` (*) into the originals."""
        with no_grad():
            found = self._inverted(value, lenient=False)
            given = [found] if isinstance(found, Tensor) else list(found)
            if isinstance(found, Tensor) != self.is_tensor or len(given) != self.ntensors:
                raise ValueError(
                    f"'right_inverse' must return {'a tensor' if self.is_tensor else 'a sequence of tensors'}, "
                    f"{self.ntensors} in all. Got {type(found).__name__} of {len(given)}."
                )
            for target, new in zip(self.originals(), given, strict=True):
                if new.dtype is not target.dtype:
                    raise ValueError(
                        f"The tensor returned by `right_inverse` has dtype {new.dtype} while the original has dtype "
                        f"{target.dtype}"
                    )
                _set(target, new)

    def forward(self) -> Tensor:
        """(*) the parametrized tensor."""
        first, *others = list(self)
        found: Tensor = first(*self.originals())
        for module in others:
            found = module(found)
        return found


def _refuse_pickle(self: Any) -> None:
    raise RuntimeError(
        "Serialization of parametrized modules is only supported through state_dict(): save that instead"
    )


def _copied(self: Any, memo: dict[int, Any]) -> Any:
    """A deep copy, with a class of its own too, so that each may lose its parametrizations alone."""
    if id(self) not in memo:
        cls = type(self)
        body = {k: v for k, v in vars(cls).items() if k not in ("__dict__", "__weakref__")}
        own: Any = type(str(cls.__name__), tuple(cls.__bases__), body)
        replica = memo[id(self)] = own.__new__(own)
        replica.__setstate__(copy.deepcopy(self.__dict__, memo))
    return memo[id(self)]


def _give_own_class(module: Module) -> None:
    cls = type(module)
    body: dict[str, Any] = {"__getstate__": _refuse_pickle, "_repeats": False}
    if not hasattr(cls, "__deepcopy__"):
        body["__deepcopy__"] = _copied
    module.__class__ = type(f"Parametrized{cls.__name__}", (cls,), body)


def _give_property(module: Module, name: str) -> None:
    def get(self: Any) -> Tensor:
        computed = self.parametrizations[name]
        if not _Cache.depth:
            found: Tensor = computed()
            return found
        key = (id(self), name)
        if key not in _Cache.found:
            _Cache.found[key] = computed()
        return _Cache.found[key]

    def put(self: Any, value: Tensor) -> None:
        self.parametrizations[name].right_inverse(value)

    setattr(type(module), name, property(get, put))


def _check_another(module: Any, name: str, parametrization: Any) -> None:
    """Raise where one more parametrization would change type or shape."""
    before = getattr(module, name)
    after = parametrization(before)
    _check_same("Registering a parametrization", f"module.{name}", after, before)
    if hasattr(parametrization, "right_inverse"):
        try:
            back = parametrization.right_inverse(after)
        except NotImplementedError:
            return
        _check_same("parametrization.right_inverse", f"module.{name}", back, before)


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """``module`` with ``parametrization`` between its parameter or buffer ``tensor_name`` (*) and who reads it.

    ``parametrization(original)`` is the new value; its ``right_inverse``, if it has one, gives an original for a value.

    Raises:
        ValueError: there is no such tensor, or its type or shape would change (unless ``unsafe``).
    """
    parametrization.train(module.training)
    own: Any = module
    if is_parametrized(module, tensor_name):
        if not unsafe:
            _check_another(module, tensor_name, parametrization)
        kept = own.parametrizations[tensor_name]
        kept.append(parametrization)
        kept.unsafe = kept.unsafe or unsafe
        return module
    if tensor_name not in module._buffers and tensor_name not in module._parameters:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
            f"'{tensor_name}'"
        )
    kept = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe)
    delattr(module, tensor_name)
    if not is_parametrized(module):
        _give_own_class(module)
        own.parametrizations = ModuleDict()
    _give_property(module, tensor_name)
    own.parametrizations[tensor_name] = kept
    return module


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether ``module`` has a parametrization, of ``tensor_name`` if that is given."""
    found = getattr(module, "parametrizations", None)
    if not isinstance(found, ModuleDict):
        return False
    return len(found) > 0 if tensor_name is None else tensor_name in found


def remove_parametrizations(
    module: Module, tensor_name: str, leave_parametrized: bool = True
) -> Module:
    """``module`` with ``tensor_name`` (*) an ordinary parameter or buffer again, of its value now, or its original.

    Raises:
        ValueError: it has no parametrization, or several originals and ``leave_parametrized`` is False.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    own: Any = module
    kept = own.parametrizations[tensor_name]
    if kept.is_tensor:
        original = kept.original
        if leave_parametrized:
            with no_grad():
                _set(original, getattr(module, tensor_name))
    elif leave_parametrized:
        value = getattr(module, tensor_name)
        original = Parameter(value.detach()) if value.requires_grad else value
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a "
            "sequence of tensors."
        )
    delattr(type(module), tensor_name)
    del own.parametrizations[tensor_name]
    _register(module, tensor_name, original)
    if not is_parametrized(module):
        del own.parametrizations
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module: Module) -> type:
    """The class of ``module`` without the one that parametrizations gave it."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """``to_module`` with the parametrizations of ``from_module``, or those of ``tensor_name``, and their originals."""
    if not is_parametrized(from_module):
        return to_module
    source: Any = from_module.parametrizations
    target: Any = to_module
    for name in list(source) if tensor_name is None else [tensor_name]:
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name).detach()))
        for parametrization in list(source[name]):
            register_parametrization(to_module, name, parametrization)
        for key, original in source[name]._parameters.items():
            setattr(target.parametrizations[name], key, original)
    return to_module
