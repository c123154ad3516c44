"""PyTorch's collective operations, in the group of one process that Thalweg runs in.

A program that is ready for many processes runs as the only one of them: what would be gathered from all is its own, and
what would be sent to all stays. A group of more processes is refused when it is made.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import Enum
from typing import Any

from .runtime.device import as_device
from .tensor import Tensor
from .tensor.modes import no_grad

__all__ = [
    "Backend", "ProcessGroup", "ReduceOp", "Work", "all_gather", "all_gather_into_tensor", "all_gather_object",
    "all_reduce", "barrier", "broadcast", "broadcast_object_list", "destroy_process_group", "gather", "get_backend",
    "get_default_backend_for_device", "get_rank", "get_world_size", "group", "init_process_group", "is_available", "is_gloo_available", "is_initialized",
    "is_mpi_available", "is_nccl_available", "is_torchelastic_launched", "new_group", "reduce", "reduce_scatter",
    "reduce_scatter_tensor", "scatter",
]  # fmt: skip


class ReduceOp(Enum):
    """How the tensors of all processes become one; that of one process is what it is."""

    SUM = 0
    AVG = 1
    PRODUCT = 2
    MIN = 3
    MAX = 4
    BAND = 5
    BOR = 6
    BXOR = 7


class Backend(str):
    """How processes would talk."""

    GLOO = "gloo"
    NCCL = "nccl"
    MPI = "mpi"


class ProcessGroup:
    """The one process."""

    def rank(self) -> int:
        """0."""
        return 0

    def size(self) -> int:
        """1."""
        return 1


class Work:
    """A collective operation that was asked for with ``async_op=True``: it is done."""

    def wait(self, timeout: Any = None) -> bool:
        """True."""
        return True

    def is_completed(self) -> bool:
        """True."""
        return True


class group:
    """The group of all processes, once there is one."""

    WORLD: ProcessGroup | None = None


def is_available() -> bool:
    """True: there are groups, of one process."""
    return True


def is_initialized() -> bool:
    """Whether ``init_process_group`` was called."""
    return group.WORLD is not None


def is_nccl_available() -> bool:
    """False: there are no CUDA devices here."""
    return False


def is_gloo_available() -> bool:
    """True: its name is taken for the group of one process."""
    return True


def is_mpi_available() -> bool:
    """False."""
    return False


def is_torchelastic_launched() -> bool:
    """Whether PyTorch's launcher started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def init_process_group(
    backend: str | None = None,
    init_method: str | None = None,
    timeout: Any = None,
    world_size: int = -1,
    rank: int = -1,
    store: Any = None,
    group_name: str = "",
    pg_options: Any = None,
    device_id: Any = None,
) -> None:
    """Make the group of all processes: of this one.

    Args:
        backend: "gloo" or None; "nccl" is for CUDA devices.
        init_method: where processes meet; from the environment where neither this nor ``store`` is given.
        world_size, rank: 1 and 0; from ``WORLD_SIZE`` and ``RANK`` where they meet by the environment.
        timeout, store, group_name, pg_options, device_id: mean nothing for one process.
    Raises:
        ValueError: there is a group already, or the environment does not say what it has to.
        RuntimeError: more than one process, or a backend that is not there.
    """
    if is_initialized():
        raise ValueError("trying to initialize the default process group twice!")
    if str(backend or "gloo").split(":")[-1] != "gloo":
        raise RuntimeError(
            f"init_process_group: backend {backend!r} is not there: one process needs 'gloo'"
        )
    if store is None and init_method in (None, "env://"):
        rank = _of_environment("RANK") if rank < 0 else rank
        world_size = _of_environment("WORLD_SIZE") if world_size < 0 else world_size
    if (rank, world_size) != (0, 1):
        raise RuntimeError(
            f"init_process_group: rank {rank} of {world_size} processes: Thalweg trains in one: start it alone, "
            "with rank 0 and world_size 1"
        )
    group.WORLD = ProcessGroup()


def _of_environment(name: str) -> int:
    if name not in os.environ:
        raise ValueError(
            f"Error initializing torch.distributed using env:// rendezvous: environment variable {name} expected, "
            "but not set"
        )
    return int(os.environ[name])


def destroy_process_group(group: Any = None) -> None:
    """Forget the group.

    Raises:
        AssertionError: there is none.
    """
    world = globals()["group"]
    if world.WORLD is None:
        raise AssertionError("Process group cannot be None")
    if group is None or group is world.WORLD:
        world.WORLD = None


def new_group(ranks: Sequence[int] | None = None, *arguments: Any, **options: Any) -> ProcessGroup:
    """A group of the one process."""
    _check(0)
    if ranks is not None and list(ranks) != [0]:
        raise ValueError(f"new_group: ranks {list(ranks)} of a world of one process: give [0]")
    return ProcessGroup()


def _check(rank: int | None) -> None:
    """Raise where there is no group, or where ``rank`` is not in it."""
    if not is_initialized():
        raise ValueError(
            "Default process group has not been initialized, please make sure to call init_process_group."
        )
    if rank not in (0, None):
        raise RuntimeError(f"invalid root rank: {rank}: there is one process, of rank 0")


def get_rank(group: Any = None) -> int:
    """0. ValueError where there is no group."""
    _check(0)
    return 0


def get_world_size(group: Any = None) -> int:
    """1 process. ValueError where there is no group."""
    _check(0)
    return 1


def get_backend(group: Any = None) -> str:
    """ "gloo". ValueError where there is no group."""
    _check(0)
    return Backend.GLOO


def get_default_backend_for_device(device: Any) -> str:
    """By what processes would talk about tensors on ``device``, given or named: "nccl" for CUDA's, else "gloo"."""
    return "nccl" if as_device(device).type == "cuda" else "gloo"


def barrier(group: Any = None, async_op: bool = False, device_ids: Any = None) -> Work | None:
    """Wait for all processes: for none."""
    return _done(0, async_op)


def _done(rank: int | None, async_op: bool) -> Work | None:
    _check(rank)
    return Work() if async_op else None


def all_reduce(
    tensor: Tensor, op: ReduceOp = ReduceOp.SUM, group: Any = None, async_op: bool = False
) -> Work | None:
    """``tensor`` becomes that of all processes: it stays what it is."""
    return _done(0, async_op)


def reduce(
    tensor: Tensor,
    dst: int | None = None,
    op: ReduceOp = ReduceOp.SUM,
    group: Any = None,
    async_op: bool = False,
    group_dst: int | None = None,
) -> Work | None:
    """``tensor`` of process ``dst`` becomes that of all processes: it stays what it is."""
    return _done(dst, async_op)


def broadcast(
    tensor: Tensor,
    src: int | None = None,
    group: Any = None,
    async_op: bool = False,
    group_src: int | None = None,
) -> Work | None:
    """``tensor`` becomes that of process ``src``: it stays what it is."""
    return _done(src, async_op)


def broadcast_object_list(
    object_list: list[Any],
    src: int | None = None,
    group: Any = None,
    *arguments: Any,
    **options: Any,
) -> None:
    """The objects become those of process ``src``: they stay what they are."""
    _check(src)


def all_gather(
    tensor_list: list[Tensor], tensor: Tensor, group: Any = None, async_op: bool = False
) -> Work | None:
    """The only tensor of ``tensor_list`` becomes ``tensor``."""
    return gather(tensor, tensor_list, 0, group, async_op)


def all_gather_into_tensor(
    output_tensor: Tensor, input_tensor: Tensor, group: Any = None, async_op: bool = False
) -> Work | None:
    """``output_tensor`` becomes ``input_tensor``, of one process."""
    return gather(input_tensor.reshape(output_tensor.shape), [output_tensor], 0, group, async_op)


def all_gather_object(object_list: list[Any], obj: Any, group: Any = None) -> None:
    """The only element of ``object_list`` becomes ``obj``."""
    _check(0)
    _one(object_list, "all_gather_object")
    object_list[0] = obj


def gather(
    tensor: Tensor,
    gather_list: list[Tensor] | None = None,
    dst: int | None = None,
    group: Any = None,
    async_op: bool = False,
    group_dst: int | None = None,
) -> Work | None:
    """The only tensor of ``gather_list`` becomes ``tensor``."""
    done = _done(dst, async_op)
    with no_grad():
        _one(gather_list, "gather").copy_(tensor)
    return done


def scatter(
    tensor: Tensor,
    scatter_list: list[Tensor] | None = None,
    src: int | None = None,
    group: Any = None,
    async_op: bool = False,
    group_src: int | None = None,
) -> Work | None:
    """``tensor`` becomes the only one of ``scatter_list``."""
    return gather(_one(scatter_list, "scatter"), [tensor], src, group, async_op)


def reduce_scatter(
    output: Tensor,
    input_list: list[Tensor],
    op: ReduceOp = ReduceOp.SUM,
    group: Any = None,
    async_op: bool = False,
) -> Work | None:
    """``output`` becomes the only one of ``input_list``."""
    return scatter(output, input_list, 0, group, async_op)


def reduce_scatter_tensor(
    output: Tensor,
    input: Tensor,
    op: ReduceOp = ReduceOp.SUM,
    group: Any = None,
    async_op: bool = False,
) -> Work | None:
    """``output`` becomes ``input``, of one process."""
    return all_gather_into_tensor(output, input, group, async_op)


def _one(things: list[Any] | None, what: str) -> Any:
    """The only element of a list with one for each process."""
    if things is None or len(things) != 1:
        count = "none" if things is None else len(things)
        raise ValueError(f"{what}: a list of {count} for one process: give one")
    return things[0]
