"""What a look at a program's text says is missing."""

from __future__ import annotations

import pytest

from thalweg.compat import check

CASES = {
    "all there": ("import torch\nx = torch.nn.Linear(2, 3).weight.data.nope", []),
    "an attribute": ("import torch\n\ntorch.nn.Linaer(2)", [(3, "torch.nn.Linaer")]),
    "an alias": ("import torch.nn as nn\nnn.Linaer", [(2, "torch.nn.Linaer")]),
    "a from-import": ("from torch.nn import (\n    Linear,\n    Linaer,\n)", [(3, "torch.nn.Linaer")]),
    "a module by from": ("from torch import nn as n\nn.Linaer", [(2, "torch.nn.Linaer")]),
    "a module that is missing": ("import torch.fx", [(1, "torch.fx")]),
    "its uses": ("import torch.fx\n\ntorch.fx.export(1)", [(1, "torch.fx"), (3, "torch.fx")]),
    "a dotted import": ("import torch.nn.modules.linear as l\nl.Linear\nl.Linaer", [(3, "torch.nn.modules.linear.Linaer")]),
    "twice on a line": ("import torch\ntorch.nope + torch.nope", [(2, "torch.nope")]),
    "inside other things": ("import torch\nf(torch.nope(1).sum())[torch.nein]", [(2, "torch.nein"), (2, "torch.nope")]),
    "a decorator": ("import torch\n@torch.nope\ndef f(): pass", [(2, "torch.nope")]),
    "torchvision": ("from torchvision import datasets as d\nd.ImageNet\nd.MNIST", [(2, "torchvision.datasets.ImageNet")]),
    "fastai": ("from fastai.vision.all import *", [(1, "fastai")]),
    "a parameter of that name": ("import torch.nn as F\ndef f(F): return F.nope", []),
    "a local of that name": ("import torch.nn as F\ndef f():\n    F = 1\n    return F.nope", []),
    "a name used again": ("import torch.optim as optim\noptim = optim.SGD([], 1)\noptim.step(), optim.zero_grad()", []),
    "a lambda's": ("import torch.nn as F\ng = lambda F: F.nope", []),
    "a comprehension's": ("import torch.nn as F\ng = [F.nope for F in ()]", []),
    "an import inside": ("def f():\n    import torch\n    return torch.nope", [(3, "torch.nope")]),
    "a program that is ready": ("try:\n    from torch import nope\nexcept ImportError:\n    nope = None", []),
    "ready for anything": ("import torch\ntry:\n    torch.nope\nexcept:\n    pass", []),
    "ready for something else": ("import torch\ntry:\n    torch.nope\nexcept ValueError:\n    pass", [(3, "torch.nope")]),
    "a star": ("from torch.nn.functional import *\nlinear; scaled_mm", [(2, "torch.nn.functional.scaled_mm")]),
    "a star and a name of one's own": ("from torch.nn.functional import *\nscaled_mm = 1\nprint(scaled_mm)", []),
    "another library": ("import numpy as np\nfrom . import torch\nnp.nope, torch.nope", []),
    "of the Tensor": ("import torch\ntorch.Tensor.nope, torch.Tensor.add", [(2, "torch.Tensor.nope")]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_findings(name: str) -> None:
    source, expected = CASES[name]
    assert [(f.line, f.name) for f in check(source)] == expected
    assert all(f.certain for f in check(source))


def test_a_method_is_uncertain() -> None:
    (found,) = check("import torch\ndef f(x):\n    return (x\n        .sparse_mask(x))")
    assert (found.line, found.name, found.certain) == (4, "torch.Tensor.sparse_mask", False)
    assert "in PyTorch 2.13" in found.text


def test_what_is_said() -> None:
    (found,) = check("import torch\ntorch.zeroes(2)")
    assert (
        found.text
        == "torch.zeroes: no public name of PyTorch 2.13; nearest here: torch.zeros, torch.ones"
        or (
            found.text.startswith(
                "torch.zeroes: no public name of PyTorch 2.13; nearest here: torch.zeros"
            )
        )
    )


def test_no_python() -> None:
    with pytest.raises(SyntaxError):
        check("import torch as")
