"""From text to machine code: what is compiled runs, what is wrong is one error, nothing loads LLVM early."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from thalweg.compiler import link

ADD = "define i64 @{name}(i64 %a, i64 %b) {{\n  %c = add i64 %a, %b\n  ret i64 %c\n}}\n"
BINARY = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)


def test_an_object_can_be_loaded_and_called():
    code = link.to_object(ADD.format(name="link_one") + ADD.format(name="link_two"))
    one, two = link.load_object(code, ["link_one", "link_two"])
    assert one.address != two.address
    assert [BINARY(r.address)(2, 3) for r in (one, two)] == [5, 5]


def test_objects_stay_when_others_are_loaded():
    functions = []
    for n in range(30):
        name = f"link_many_{n}"
        text = f"define i64 @{name}(i64 %a, i64 %b) {{\n  ret i64 {n}\n}}\n"
        functions += link.load_object(link.to_object(text), [name])
    assert [BINARY(f.address)(0, 0) for f in functions] == list(range(30))


def test_the_same_text_gives_the_same_object():
    text = ADD.format(name="link_same")
    assert link.to_object(text) == link.to_object(text)


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "define i64 @f() {\n  ret i32 0\n}\n",
        "define i64 @f() {\n  ret i64 %x\n}\n",
        "define i64 @f(i64 %a) {\nentry:\n  br label %b\nb:\n  %p = phi i64 [ %a, %c ]\n  ret i64 %p\nc:\n  ret i64 0\n}\n",
        "define i64 @f() {\n  ret i64 0\n}\ndefine i64 @f() {\n  ret i64 1\n}\n",
    ],
)
def test_a_wrong_module_is_a_link_error_that_shows_it(text):
    with pytest.raises(link.LinkError) as caught:
        link.to_object(text)
    assert text in str(caught.value)
    (after,) = link.load_object(link.to_object(ADD.format(name="after")), ["after"])
    assert BINARY(after.address)(1, 2) == 3


def test_products_and_sums_are_not_contracted():
    text = (
        "define void @link_fma(ptr %x) {\n  %a = load double, ptr %x\n  %m = fmul double %a, %a\n"
        "  %p = getelementptr double, ptr %x, i64 1\n  %b = load double, ptr %p\n"
        "  %s = fadd double %m, %b\n  store double %s, ptr %p\n  ret void\n}\n"
    )
    (routine,) = link.load_object(link.to_object(text), ["link_fma"])
    a = 1 + 2.0**-30
    x = (ctypes.c_double * 2)(a, -(a * a))
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(routine.address)(ctypes.addressof(x))
    assert x[1] == 0.0


def test_the_identity_names_processor_and_passes():
    identity = link.identity()
    assert identity == link.identity()
    assert link._processor() or link.binding().get_host_cpu_name() in identity
    assert link._processor() in identity and "sroa" in identity and "llvmlite" in identity


def test_importing_thalweg_does_not_load_llvm_or_blas():
    script = "import sys, thalweg; sys.exit('llvmlite' in sys.modules or 'scipy_openblas32' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0
