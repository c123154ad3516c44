"""Machine code lives as long as it is held, and what is on disk runs without LLVM."""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.compiler import cache, elf, link

NUMBER = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)
LINUX = pytest.mark.skipif(not elf.is_supported(), reason="not Linux on x86-64")


def module(n: int) -> str:
    """A function that adds ``n``, a constant that lies in memory of its own, and 3.25 ** 2 by the C library."""
    return (
        "declare double @pow(double, double)\n"
        f"define double @add{n}(double %x) {{\n  %a = fadd double %x, {float(n)}\n"
        "  %p = call double @pow(double 3.25, double 2.0)\n  %b = fadd double %a, %p\n"
        "  ret double %b\n}\n"
    )


def executable_bytes() -> int:
    """How much memory of no file this process may run."""
    total = 0
    with open("/proc/self/maps") as file:
        for line in file:
            span, rights, _, _, inode, *_ = line.split()
            if "x" in rights and inode == "0":
                begin, end = (int(x, 16) for x in span.split("-"))
                total += end - begin
    return total


LOADERS = [
    pytest.param(elf.load, id="elf", marks=LINUX),
    pytest.param(link.load_by_llvm, id="llvm"),
]


@pytest.mark.parametrize("load", LOADERS)
def test_a_function_runs_with_its_constants_and_the_c_library(load):
    owner, (address,) = load(link.to_object(module(7)), ["add7"])
    assert NUMBER(address)(1.0) == 8.0 + 3.25**2
    assert owner is not None


@LINUX
@pytest.mark.parametrize("load", LOADERS)
def test_machine_code_that_nobody_holds_gives_its_memory_back(load):
    codes = [link.to_object(module(n)) for n in range(20)]
    load(codes[0], ["add0"])
    gc.collect()
    before = executable_bytes()
    held = [load(codes[n % 20], [f"add{n % 20}"]) for n in range(200)]
    taken = executable_bytes() - before
    assert taken >= 200 * 4096
    kept = held[5]
    del held
    gc.collect()
    assert NUMBER(kept[1][0])(1.0) == 6.0 + 3.25**2
    assert executable_bytes() - before <= taken // 50
    del kept
    for _ in range(10):
        for n in range(20):
            load(codes[n], [f"add{n}"])
    gc.collect()
    assert executable_bytes() - before <= taken // 50


def halved(weight: nn.Parameter, times: int) -> np.ndarray:
    """The elements halved so many times: each number of times is a kernel of its own."""
    y = weight * 0.5
    for _ in range(times - 1):
        y = y * 0.5
    return y.detach().numpy()


@LINUX
def test_kernels_go_with_the_cache_and_the_last_program(monkeypatch):
    monkeypatch.setattr(cache, "_known", type(cache._known)())
    monkeypatch.setattr(cache, "_MOST_KERNELS", 4)
    weight, count = nn.Parameter(tw.rand(40)), 25
    with tw.tier("native"):
        tw.clear_caches()
        halved(weight, 1)  # the driver comes for good
        tw.clear_caches()
        gc.collect()
        before = executable_bytes()
        first = [halved(weight, n) for n in range(2, count)]
        held = executable_bytes() - before
        assert len(cache._known) <= 4
        assert held >= (count - 2) * 4096  # programs hold what the cache has dropped
        again = [halved(weight, n) for n in range(2, count)]
        assert executable_bytes() - before == held
        tw.clear_caches()
        gc.collect()
        assert executable_bytes() - before <= held // 3
    for n, a, b in zip(range(2, count), first, again, strict=True):
        np.testing.assert_array_equal(a, weight.detach().numpy() * np.float32(0.5**n))
        np.testing.assert_array_equal(a, b)


@LINUX
def test_an_object_with_other_relocations_is_left_to_llvm():
    llvm = link.binding()
    machine = llvm.Target.from_default_triple().create_target_machine(
        codemodel="small", reloc="pic"
    )
    code = machine.emit_object(llvm.parse_assembly(module(9)))
    with pytest.raises(elf.UnsupportedObjectError, match="relocation"):
        elf.load(code, ["add9"])
    (routine,) = link.load_object(code, ["add9"])
    assert NUMBER(routine.address)(1.0) == 10.0 + 3.25**2


@LINUX
def test_writable_memory_is_left_to_llvm():
    code = link.to_object("@count = global i64 3\ndefine ptr @f() {\n  ret ptr @count\n}\n")
    with pytest.raises(elf.UnsupportedObjectError, match="writable"):
        elf.load(code, ["f"])
    with pytest.raises(elf.UnsupportedObjectError, match="not an object"):
        elf.load(b"MZ" + code[2:], ["f"])


@LINUX
def test_a_function_that_is_not_there_is_an_error():
    call = "define void @f() {\n  call void @no_such_function()\n  ret void\n}\n"
    code = link.to_object("declare void @no_such_function()\n" + call)
    with pytest.raises(LookupError, match="no_such_function"):
        link.load_object(code, ["f"])


TRAIN = """
import sys
import thalweg as tw
from thalweg import nn
tw.tier("native")
tw.manual_seed(0)
net = nn.Sequential(nn.Linear(20, 30), nn.GELU(), nn.LayerNorm(30), nn.Linear(30, 7))
x, y = tw.randn(60, 20), tw.randint(0, 7, (60,))
optimizer = tw.optim.AdamW(net.parameters(), lr=0.01)
for _ in range(5):
    loss = nn.functional.cross_entropy(net(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(loss.item(), "llvmlite.binding" in sys.modules)
"""


@LINUX
def test_llvm_is_not_loaded_for_what_is_on_disk(tmp_path):
    paths = [str(Path(tw.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    variables = {
        **os.environ, "THALWEG_CACHE": str(tmp_path / "kernels"), "PYTHONPATH": os.pathsep.join(paths),
    }  # fmt: skip
    first, second = (
        subprocess.run(
            [sys.executable, "-c", TRAIN], env=variables, timeout=90, capture_output=True, text=True
        ).stdout.split()
        for _ in range(2)
    )
    assert first[0] == second[0]
    assert (first[1], second[1]) == ("True", "False")


def test_the_processor_is_read_from_its_first_paragraph(tmp_path):
    if not elf.is_supported():
        assert link._processor() == ""
        return
    listed = tmp_path / "cpuinfo"
    one = "vendor_id\t: A\ncpu family\t: 6\nmodel\t\t: 1\nstepping\t: 2\nflags\t\t: fpu avx2\n"
    listed.write_text(one + "\n" + one.replace("avx2", "avx512f"))
    assert link._processor(listed) == "A 6 1 2 fpu avx2"
    listed.write_text(one)
    assert link._processor(listed) == "A 6 1 2 fpu avx2"
    listed.write_text("processor\t: 0\n")
    assert link._processor(listed) == ""
    assert link._processor(tmp_path / "missing") == ""
