"""``torch.onnx``: the format of the exporters, which is not written here."""

from __future__ import annotations

from typing import Any

__all__ = ["export", "is_in_onnx_export"]


def export(*arguments: Any, **options: Any) -> Any:
    """Refused.

    Raises:
        NotImplementedError: always; a state dict that ``torch.save`` writes here can be exported by PyTorch.
    """
    raise NotImplementedError(
        "torch.onnx.export: Thalweg writes no ONNX: save model.state_dict() with torch.save and export it in PyTorch"
    )


def is_in_onnx_export() -> bool:
    """False: nothing is exported."""
    return False
