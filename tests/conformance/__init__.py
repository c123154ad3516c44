"""PyTorch's own tables, run against what is here: skipped, whole, where PyTorch 2.13 is not installed."""

import pytest

pytest.importorskip("torch", reason="compares with PyTorch 2.13")
pytest.importorskip("expecttest", reason="PyTorch's sample tables need it")
