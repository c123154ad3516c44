"""From LLVM IR to machine code in memory. llvmlite is imported here, at the first kernel, and nowhere else.

Note: Ctrl-C. An exception in the middle of llvmlite's own Python code makes it free LLVM's objects twice. So whatever
makes and drops such objects does so on a thread of its own, where no Ctrl-C comes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")

# Kernels come with explicit vectors: of LLVM's usual pipeline (O2) these are enough. They give kernels as fast in
# less than half of the time.
PASSES = ("sroa", "instruction_combine", "simplify_cfg", "loop_rotate", "loop_simplify", "new_gvn", "instruction_combine", "simplify_cfg")  # fmt: skip


class LinkError(RuntimeError):
    """LLVM refused a module: a fault of the compiler, never of the user."""


def undisturbed(work: Callable[[], T]) -> T:
    """``work()`` on a thread of its own if this one is the one that Ctrl-C interrupts; ends when that has ended."""
    if threading.current_thread() is not threading.main_thread():
        return work()
    outcome: list[Any] = []

    def attempt() -> None:
        try:
            outcome.append((work(), None))
        except BaseException as error:
            outcome.append((None, error))

    thread = threading.Thread(target=attempt, name="thalweg compiler")
    thread.start()
    try:
        thread.join()
    except BaseException:
        thread.join()
        raise
    result, error = outcome[0]
    if error is not None:
        raise error
    return result  # type: ignore[no-any-return]


@cache
def binding() -> Any:
    """llvmlite's binding, set up for this machine."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


@cache
def _machine() -> Any:
    llvm = binding()
    features = llvm.get_host_cpu_features().flatten()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features, opt=2, jit=True, codemodel="jitdefault"
    )


@cache
def identity() -> str:
    """What a compiled object depends on beside its source: LLVM, the processor and its features."""
    llvm = binding()
    version = ".".join(map(str, llvm.llvm_version_info))
    features = llvm.get_host_cpu_features().flatten()
    return f"{version} {llvm.get_default_triple()} {llvm.get_host_cpu_name()} {features} {' '.join(PASSES)}"


def wide_vectors() -> str:
    """The attribute that makes LLVM use the whole width of this machine's registers."""
    return '"prefer-vector-width"="512"' if has_feature("avx512f") else ""


@cache
def has_feature(name: str) -> bool:
    """Whether this machine's processor has a feature, by LLVM's name for it."""
    return undisturbed(lambda: bool(binding().get_host_cpu_features().get(name, False)))


def to_object(text: str) -> bytes:
    """Verify, optimize and compile a module.

    Raises:
        LinkError: the module is not valid.
    """
    llvm = binding()
    try:
        module = llvm.parse_assembly(text)
        module.verify()
    except RuntimeError as error:
        raise LinkError(f"invalid module: {error}\n{text}") from error
    machine = _machine()
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    builder = llvm.create_pass_builder(machine, options)
    _run(builder, module)
    code: bytes = machine.emit_object(module)
    return code


def _run(builder: Any, module: Any) -> None:
    passes = binding().create_new_module_pass_manager()
    for name in PASSES:
        getattr(passes, f"add_{name}_pass")()
    passes.run(module, builder)


@cache
def _engine() -> Any:
    llvm = binding()
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine())


def load_object(code: bytes, names: list[str]) -> list[int]:
    """Put an object into memory for good; gives the addresses of its functions."""
    llvm = binding()
    engine = _engine()
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return [engine.get_function_address(name) for name in names]
