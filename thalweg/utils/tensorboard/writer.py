"""Files of events, and the writer that a training program calls."""

from __future__ import annotations

import itertools
import os
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from ... import nn
from . import summaries
from .records import message, record
from .summaries import as_array, pictured
from .taped_graph import graph

__all__ = ["FileWriter", "SummaryWriter"]
_numbers = itertools.count()


class FileWriter:
    """One file of events.

    Args:
        log_dir: its folder, which is made.
        max_queue: after how many events at the latest they are on disk.
        flush_secs: after how many seconds at the latest, at the next event.
        filename_suffix: the end of its name.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str],
        max_queue: int = 10,
        flush_secs: float = 120,
        filename_suffix: str = "",
    ) -> None:
        self._folder = str(log_dir)
        os.makedirs(self._folder, exist_ok=True)
        now = time.time()
        name = f"{int(now):010d}.{socket.gethostname()}.{os.getpid()}.{next(_numbers)}"
        path = os.path.join(self._folder, f"events.out.tfevents.{name}{filename_suffix}")
        self._file = open(path, "wb")  # noqa: SIM115 (it stays open as long as the writer)
        self._max_queue, self._flush_secs = max_queue, flush_secs
        self._waiting, self._flushed = 0, now
        self._lock = threading.Lock()
        self.add_event({3: "brain.Event:2"})
        self.flush()

    def get_logdir(self) -> str:
        """Its folder."""
        return self._folder

    def add_event(
        self, event: Mapping[int, Any], step: Any = None, walltime: float | None = None
    ) -> None:
        """Write an event: its fields by number."""
        when = time.time() if walltime is None else walltime
        at = None if step is None else int(step) or None
        data = record(message({1: float(when), 2: at, **event}))
        with self._lock:
            self._file.write(data)
            self._waiting += 1
        if self._waiting > self._max_queue or time.time() - self._flushed > self._flush_secs:
            self.flush()

    def add_summary(
        self, summary: bytes, global_step: Any = None, walltime: float | None = None
    ) -> None:
        """Write a message ``Summary``."""
        self.add_event({5: summary}, global_step, walltime)

    def flush(self) -> None:
        """Let all that was written be on disk."""
        with self._lock:
            self._file.flush()
            self._waiting, self._flushed = 0, time.time()

    def close(self) -> None:
        """End the file."""
        with self._lock:
            self._file.close()


class SummaryWriter:
    """Writes what TensorBoard shows of a run.

    Args:
        log_dir: the run's folder; None: ``runs/`` and the time, the machine's name and ``comment``.
        comment: the end of that name.
        purge_step: TensorBoard forgets events from this step on that earlier runs wrote to the folder.
        max_queue, flush_secs, filename_suffix: as of ``FileWriter``.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] | None = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: float = 120,
        filename_suffix: str = "",
    ) -> None:
        if not log_dir:
            started = datetime.now().strftime("%b%d_%H-%M-%S")
            log_dir = os.path.join("runs", f"{started}_{socket.gethostname()}{comment}")
        self.log_dir = log_dir
        self.purge_step = purge_step
        self._options = (max_queue, flush_secs, filename_suffix)
        self.all_writers: dict[str, FileWriter] | None = None
        self._writer()

    def _writer(self, ending: str = "") -> FileWriter:
        """The file of the run's folder, or of the one that ends so; it is begun anew if it was closed."""
        folder = str(self.log_dir) + ending
        if self.all_writers is None:
            self.all_writers = {}
        if folder not in self.all_writers:
            self.all_writers[folder] = FileWriter(folder, *self._options)
            if not ending and self.purge_step is not None:
                self.all_writers[folder].add_event({3: "brain.Event:2"}, self.purge_step)
                self.all_writers[folder].add_event({7: message({1: 1})}, self.purge_step)
                self.purge_step = None
        return self.all_writers[folder]

    @property
    def file_writer(self) -> FileWriter | None:
        """The file of the run's folder; None after ``close``."""
        return (self.all_writers or {}).get(str(self.log_dir))

    def get_logdir(self) -> str | os.PathLike[str]:
        """The run's folder."""
        return self.log_dir

    def add_scalar(
        self,
        tag: str,
        scalar_value: Any,
        global_step: Any = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        """A point of the curve ``tag``: one number, at a step."""
        summary = summaries.scalar(tag, scalar_value, new_style, double_precision)
        self._writer().add_summary(summary, global_step, walltime)

    def add_scalars(
        self,
        main_tag: str,
        tag_scalar_dict: Mapping[str, Any],
        global_step: Any = None,
        walltime: float | None = None,
    ) -> None:
        """A point of each of several curves in one chart, by their names."""
        when = time.time() if walltime is None else walltime
        for tag, value in tag_scalar_dict.items():
            ending = "/" + main_tag.replace("/", "_") + "_" + tag
            summary = summaries.scalar(main_tag, value)
            self._writer(ending).add_summary(summary, global_step, when)

    def add_histogram(
        self,
        tag: str,
        values: Any,
        global_step: Any = None,
        bins: Any = "tensorflow",
        walltime: float | None = None,
        max_bins: int | None = None,
    ) -> None:
        """How numbers of any shape are spread; ``bins`` as of ``numpy.histogram``."""
        summary = summaries.histogram(tag, values, bins, max_bins)
        self._writer().add_summary(summary, global_step, walltime)

    def add_histogram_raw(
        self,
        tag: str,
        min: float,
        max: float,
        num: float,
        sum: float,
        sum_squares: float,
        bucket_limits: Any,
        bucket_counts: Any,
        global_step: Any = None,
        walltime: float | None = None,
    ) -> None:
        """A histogram that was made before: where each bin ends, and how many numbers lie in it.

        Raises:
            ValueError: there are not as many ends as counts.
        """
        if len(bucket_limits) != len(bucket_counts):
            raise ValueError("len(bucket_limits) != len(bucket_counts), see the document.")
        ends, counts = as_array(bucket_limits).tolist(), as_array(bucket_counts).tolist()
        summary = summaries.raw_histogram(tag, min, max, num, sum, sum_squares, ends, counts)
        self._writer().add_summary(summary, global_step, walltime)

    def add_image(
        self,
        tag: str,
        img_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:
        """A picture whose axes are ``dataformats``: of bytes, or of floats from 0 to 1."""
        summary = summaries.image(tag, pictured(as_array(img_tensor), dataformats))
        self._writer().add_summary(summary, global_step, walltime)

    def add_images(
        self,
        tag: str,
        img_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:
        """Pictures side by side as one; ``dataformats`` are the axes of all."""
        if isinstance(img_tensor, list):
            dataformats = "N" + dataformats.replace("N", "")
        self.add_image(tag, img_tensor, global_step, walltime, dataformats)

    def add_figure(
        self,
        tag: str,
        figure: Any,
        global_step: Any = None,
        close: bool = True,
        walltime: float | None = None,
    ) -> None:
        """A figure of Matplotlib's, or a list of them, as a picture; it is closed then."""
        several = figure if isinstance(figure, list) else [figure]
        drawn = [_drawn(one, close) for one in several]
        whole = np.stack(drawn) if isinstance(figure, list) else drawn[0]
        axes = "NHWC" if isinstance(figure, list) else "HWC"
        self.add_image(tag, whole, global_step, walltime, axes)

    def add_text(
        self, tag: str, text_string: str, global_step: Any = None, walltime: float | None = None
    ) -> None:
        """A text, which may be Markdown."""
        self._writer().add_summary(summaries.text(tag, text_string), global_step, walltime)

    def add_pr_curve(
        self,
        tag: str,
        labels: Any,
        predictions: Any,
        global_step: Any = None,
        num_thresholds: int = 127,
        weights: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Precision and recall of (N,) predictions from 0 to 1 against (N,) labels of 0 and 1."""
        summary = summaries.curve(tag, labels, predictions, num_thresholds, weights)
        self._writer().add_summary(summary, global_step, walltime)

    def add_hparams(
        self,
        hparam_dict: dict[str, Any],
        metric_dict: dict[str, Any],
        hparam_domain_discrete: dict[str, list[Any]] | None = None,
        run_name: str | None = None,
        global_step: Any = None,
    ) -> None:
        """What the run was told and what it reached, in a folder of its own, called ``run_name`` or by the time.

        Raises:
            TypeError: one of the first two is no dictionary.
        """
        if type(hparam_dict) is not dict or type(metric_dict) is not dict:
            raise TypeError("hparam_dict and metric_dict should be dictionary.")
        made = summaries.hyperparameters(hparam_dict, metric_dict, hparam_domain_discrete or {})
        folder = os.path.join(self._writer().get_logdir(), run_name or str(time.time()))
        with SummaryWriter(folder) as beside:
            for summary in made:
                beside._writer().add_summary(summary, global_step)
            for name, value in metric_dict.items():
                beside.add_scalar(name, value, global_step)

    def add_graph(
        self,
        model: nn.Module,
        input_to_model: Any = None,
        verbose: bool = False,
        use_strict_trace: bool = True,
    ) -> None:
        """The operations between ``model``'s parameters and what it makes of ``input_to_model``, one thing or a tuple.

        They are those of the tape, so what needs no gradient is not among them.
        """
        self._writer().add_event({4: graph(model, input_to_model)})

    def add_embedding(
        self,
        mat: Any,
        metadata: Sequence[Any] | None = None,
        label_img: Any = None,
        global_step: Any = None,
        tag: str = "default",
        metadata_header: list[str] | None = None,
    ) -> None:
        """Points of a space, beside the events: (N, D), what each is called, and a picture (N, C, H, W) of each.

        Args:
            mat: (N, D).
            metadata: N names, or N rows of what ``metadata_header`` names.
            label_img: (N, C, H, W), H = W.
            global_step: at which step they are; None: 0.
            tag: what they are called.
            metadata_header: names of the columns.
        Raises:
            AssertionError: there are not N of each.
        """
        points, at = as_array(mat), f"{int(global_step or 0):05d}"
        inside = f"{at}/{tag.translate({ord(c): f'%{ord(c):02x}' for c in '%/' + chr(92)})}"
        folder = Path(self._writer().get_logdir(), inside)
        folder.mkdir(parents=True, exist_ok=True)
        lines = [f'tensor_name: "{tag}:{at}"', f'tensor_path: "{inside}/tensors.tsv"']
        rows = ["\t".join(str(x.item()) for x in row) for row in points]
        (folder / "tensors.tsv").write_text("\n".join(rows) + "\n")
        if metadata is not None:
            if len(metadata) != len(points):
                raise AssertionError("#labels should equal with #data points")
            listed = [metadata_header, *metadata] if metadata_header else metadata
            texts = ["\t".join(map(str, x)) if metadata_header else str(x) for x in listed]
            (folder / "metadata.tsv").write_text("\n".join(texts) + "\n")
            lines.append(f'metadata_path: "{inside}/metadata.tsv"')
        if label_img is not None:
            lines += _sprite(folder, inside, as_array(label_img), len(points))
        config = Path(self._writer().get_logdir(), "projector_config.pbtxt")
        before = config.read_text() if config.exists() else ""
        told = "embeddings {\n" + "".join(f"{line}\n" for line in lines) + "}\n"
        if told not in before:
            config.write_text(before + told)

    def flush(self) -> None:
        """Let all that was written be on disk."""
        for writer in (self.all_writers or {}).values():
            writer.flush()

    def close(self) -> None:
        """End the files; what is added later begins new ones."""
        for writer in (self.all_writers or {}).values():
            writer.close()
        self.all_writers = None

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _drawn(figure: Any, close: bool) -> np.ndarray[Any, Any]:
    """(H, W, 3) bytes of a figure."""
    from matplotlib import pyplot
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    elements = np.asarray(canvas.buffer_rgba())[..., :3].copy()
    if close:
        pyplot.close(figure)
    return elements


def _sprite(folder: Path, inside: str, pictures: np.ndarray[Any, Any], count: int) -> list[str]:
    """Write pictures (N, C, H, W) as one, and tell of it."""
    from PIL import Image

    if len(pictures) != count or pictures.shape[2] != pictures.shape[3]:
        raise AssertionError("#images should equal with #data points, and they should be square")
    square = summaries.sprite(pictures)
    Image.fromarray((square * 255).clip(0, 255).astype(np.uint8)).save(folder / "sprite.png")
    high, wide = pictures.shape[2:]
    return [
        f'sprite {{\nimage_path: "{inside}/sprite.png"\nsingle_image_dim: {wide}\nsingle_image_dim: {high}\n}}'
    ]
