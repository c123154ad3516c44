"""Curves, histograms and pictures of a run in files that TensorBoard shows; no package of it is needed to write them."""

from .writer import FileWriter, SummaryWriter

__all__ = ["FileWriter", "SummaryWriter"]
