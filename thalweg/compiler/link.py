"""From LLVM IR to machine code in memory. llvmlite is imported here, at the first kernel that has to be compiled, and
nowhere else.

Note: who owns machine code. A function is in memory as long as its Routine is held: by the kernels that the cache
knows (cache.py) and by each program that calls it (runtime/native.py). With the last of them its pages go.

Note: Ctrl-C. An exception in the middle of llvmlite's own Python code makes it free LLVM's objects twice. So whatever
makes and drops such objects does so on a thread of its own, where no Ctrl-C comes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from . import elf

T = TypeVar("T")

# Kernels come with explicit vectors: of LLVM's usual pipeline (O2) these are enough. They give kernels as fast in
# less than half of the time.
PASSES = ("sroa", "instruction_combine", "simplify_cfg", "loop_rotate", "loop_simplify", "new_gvn", "instruction_combine", "simplify_cfg")  # fmt: skip


_LIBRARIES = (".so", ".dylib", ".dll")
_TELLING = ("vendor_id", "cpu family", "model", "stepping", "flags")  # of a processor, on x86-64


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


def _new_machine() -> Any:
    llvm = binding()
    features = llvm.get_host_cpu_features().flatten()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features, opt=2, jit=True, codemodel="jitdefault"
    )


_machine = cache(_new_machine)


@cache
def identity() -> str:
    """What a compiled object depends on beside its source: LLVM, the processor and its features."""
    return f"{_version()} {_processor() or _processor_by_llvm()} {' '.join(PASSES)}"


def _version() -> str:
    """LLVM's: the package that holds it, and how large it is, so that LLVM need not be loaded to be asked."""
    import llvmlite

    libraries = sorted((Path(llvmlite.__file__).parent / "binding").glob("*llvmlite.*"))
    sizes = [f"{p.name} {p.stat().st_size}" for p in libraries if p.suffix in _LIBRARIES]
    if not sizes:
        sizes = [".".join(map(str, binding().llvm_version_info))]
    return f"llvmlite {llvmlite.__version__} {' '.join(sizes)}"


def _processor(listed: Path = Path("/proc/cpuinfo")) -> str:
    """The processor and its features as Linux lists them; empty where it does not."""
    if not elf.is_supported():
        return ""
    try:
        with listed.open() as file:
            found = dict(map(_field, takewhile(str.strip, file)))
    except OSError:
        return ""
    return " ".join(found[f] for f in _TELLING) if found.keys() >= set(_TELLING) else ""


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip(), value.strip()


def _processor_by_llvm() -> str:
    llvm = binding()
    features = llvm.get_host_cpu_features().flatten()
    return f"{llvm.get_default_triple()} {llvm.get_host_cpu_name()} {features}"


def wide_vectors() -> str:
    """The attribute that makes LLVM use the whole width of this machine's registers."""
    return '"prefer-vector-width"="512"' if has_feature("avx512f") else ""


@cache
def has_feature(name: str) -> bool:
    """Whether this machine's processor has a feature, by LLVM's name for it."""
    listed = _processor()
    if listed:
        return name in listed.split()
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


class Routine(NamedTuple):
    """A function of machine code, which is there as long as ``code`` is held."""

    address: int
    code: object


def load_object(code: bytes, names: list[str]) -> list[Routine]:
    """Put an object into memory; gives its functions."""
    try:
        owner, addresses = elf.load(code, names)
    except elf.UnsupportedObjectError:
        owner, addresses = load_by_llvm(code, names)
    return [Routine(address, owner) for address in addresses]


def load_by_llvm(code: bytes, names: list[str]) -> tuple[Any, list[int]]:
    """An engine of its own for an object, which takes the machine code with it, and its functions' addresses."""
    llvm = binding()
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _new_machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return engine, [engine.get_function_address(name) for name in names]
