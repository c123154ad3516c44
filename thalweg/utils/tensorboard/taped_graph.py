"""A model's operations as TensorBoard draws them, found by walking its results' tape back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ... import nn
from ...tensor import Tensor
from ...tensor.modes import enable_grad
from .records import message

__all__ = ["graph"]


def graph(model: nn.Module, inputs: Any) -> bytes:
    """A GraphDef: the operations between a model's parameters and inputs and what it gives back, in ``eval`` mode.

    Args:
        model: any module.
        inputs: what it is called with: one thing or a tuple.
    Raises:
        RuntimeError: no result depends on what requires a gradient, so nothing was taped.
    Source of the fields' numbers: tensorflow/core/framework/{graph,node_def,versions}.proto.
    """
    given = inputs if isinstance(inputs, list | tuple) else (inputs,)
    training = [module for module in model.modules() if module.training]
    model.eval()  # so that nothing is drawn and no average changes
    try:
        with enable_grad():
            leaves = [x.detach().requires_grad_() if _taped(x) else x for x in given]
            results = [x for x in _tensors(model(*leaves)) if x.grad_fn is not None]
    finally:
        for module in training:
            module.training = True
    if not results:
        raise RuntimeError(
            "add_graph: no result of the model depends on a parameter or on an input of floats: there is no graph to draw"
        )
    names = {id(p): f"{type(model).__name__}/{name}" for name, p in model.named_parameters()}
    names |= {id(x): f"input/{k}" for k, x in enumerate(leaves)}
    drawn = _Drawing(names)
    nodes = [
        _node(f"output/{k}", "IO Node", [drawn.name_of(x.grad_fn)]) for k, x in enumerate(results)
    ]
    return message({1: drawn.nodes + nodes, 4: message({1: 22})})


def _taped(x: Any) -> bool:
    return isinstance(x, Tensor) and x.is_floating_point()


def _tensors(results: Any) -> Iterator[Tensor]:
    if isinstance(results, Tensor):
        yield results
    elif isinstance(results, dict):
        yield from _tensors(list(results.values()))
    elif isinstance(results, list | tuple):
        for part in results:
            yield from _tensors(part)


def _node(name: str, operation: str, inputs: list[str]) -> bytes:
    return message({1: name, 2: operation, 3: inputs})


class _Drawing:
    """Nodes of the tape by the names that they are drawn with; those they depend on come first."""

    def __init__(self, leaves: dict[int, str]) -> None:
        self.leaves = leaves
        self.names: dict[int, str] = {}
        self.nodes: list[bytes] = []
        self.held: list[Any] = []  # so that no other object gets a node's id
        self.counts: dict[str, int] = {}

    def name_of(self, node: Any) -> str:
        """What ``node`` is drawn as; it is drawn with all before it, unless it was."""
        left = [node]
        while left:
            at = left[-1]
            before = [n for n, _ in at.next_functions if n is not None]
            unseen = [n for n in before if id(n) not in self.names]
            if unseen and id(at) not in self.names:
                left += unseen
                continue
            left.pop()
            if id(at) not in self.names:
                self._draw(at, [self.names[id(n)] for n in before])
        return self.names[id(node)]

    def _draw(self, node: Any, inputs: list[str]) -> None:
        variable = getattr(node, "variable", None)
        operation = node.name() if variable is None else "Parameter"
        name = self.leaves.get(id(variable)) or self._numbered(operation)
        self.names[id(node)] = name
        self.held.append(node)
        self.nodes.append(_node(name, operation, inputs))

    def _numbered(self, operation: str) -> str:
        count = self.counts.get(operation, 0)
        self.counts[operation] = count + 1
        return f"{operation}_{count}" if count else operation
