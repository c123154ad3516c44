"""Programs written for PyTorch, run by Thalweg as they stand."""

from .check import Finding, check
from .finder import install, uninstall
from .script import run_script

__all__ = ["Finding", "check", "install", "run_script", "uninstall"]
