"""`out=` of op_db's entries: what PyTorch writes is written here, and what it refuses is refused.

An empty tensor, one of the result's shape, one of a higher floating type and one of whole numbers are offered.
`python -m tests.conformance.outs --update` rewrites `outs.txt`, the list of entries that agree.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

import thalweg as tw

from . import harness

OUTS = Path(__file__).with_name("outs.txt")
KINDS = ("empty", "same", "wider", "whole")
RTOL = 2e-4  # whatever it is written into, it is computed in float32


def entries() -> dict[str, Any]:
    """The passing entries of the table that take ``out``."""
    return {
        name: info
        for name, info in harness.passing().items()
        if info.supports_out and not name.startswith("nn.functional.") and name != "equal"
    }


def offered(result: Any, kind: str) -> Any:
    """A tensor to write the result into; for several results one for each."""
    if not isinstance(result, torch.Tensor):
        return tuple(offered(r, kind) for r in result)
    dtype = result.dtype
    if kind == "wider" and dtype is torch.float32:
        dtype = torch.float64
    if kind == "whole" and dtype.is_floating_point:
        dtype = torch.int64
    return torch.zeros((0,) if kind == "empty" else result.shape, dtype=dtype)


def check(info: Any) -> int:
    """Offer each kind for the first sample; gives how many, raises where the two differ."""
    function = harness.counterpart(info)
    torch.manual_seed(0)
    supported = info.supported_dtypes("cpu")
    dtype = next(d for d in (torch.float32, *harness.DTYPES, *harness.COMPLEX) if d in supported)
    sample = next(iter(info.sample_inputs("cpu", dtype)))
    theirs = harness.leaves((sample.input, *sample.args))
    result = info.op(*theirs, **sample.kwargs)
    mine, named = harness.ours(theirs, False), harness.ours(sample.kwargs, False)
    for kind in KINDS:
        out, own = offered(result, kind), harness.ours(offered(result, kind), False)
        torch.manual_seed(1)
        try:
            info.op(*theirs, **sample.kwargs, out=out)
        except (RuntimeError, TypeError):
            out = None
        tw.manual_seed(1)
        try:
            function(*mine, **named, out=own)
        except (RuntimeError, TypeError) as error:
            assert out is None, f"{kind}: {error}"
            continue
        assert out is not None, f"{kind}: nothing refused"
        harness.same(own, out, RTOL, unwritten=info.name in harness.UNWRITTEN)
    return len(KINDS)


def main() -> None:
    harness.command(__doc__, entries(), (OUTS, check, "write where they are told"))


if __name__ == "__main__":
    main()
