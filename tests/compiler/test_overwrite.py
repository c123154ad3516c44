"""What a kernel may write over what it reads."""

from __future__ import annotations

from thalweg.compiler.overwrite import safe_in_place
from thalweg.compiler.plan import KernelStep
from thalweg.compiler.schedule import schedule
from thalweg.ir.aval import Aval
from thalweg.ir.builder import Builder
from thalweg.ir.dtype import float32
from thalweg.ir.primitive import Primitive


def pairs(shapes, write):
    """For each kernel the pairs, of the graph that ``write`` makes of inputs of these shapes."""
    builder = Builder(tuple(Aval(s, float32) for s in shapes))
    graph = builder.finish(write(*builder.inputs()))
    return [safe_in_place(s) for s in schedule(graph).steps if isinstance(s, KernelStep)]


def test_a_sweep_overwrites_what_each_result_is_made_of():
    """Slots 0 and 1 are read, 4 = p - g * 0.5 is written: over either of them."""
    assert pairs([(6,), (6,)], lambda p, g: (p - g * 0.5,)) == [[(4, 0), (4, 1)]]


def test_a_result_does_not_overwrite_what_another_still_needs():
    """2 is made of 0 alone, so it may not lie where 1 is, which is loaded later."""
    found = pairs([(6,), (6,)], lambda p, g: (p + p, p * g))
    assert found == [[(2, 0), (3, 0), (3, 1)]]


def test_a_view_is_not_overwritten():
    turned = pairs([(4, 4)], lambda x: (x + x.swap(),))
    assert turned == [[]]
    spread = pairs([(4,), (3, 4)], lambda row, x: (x * row,))
    assert spread == [[(2, 1)]]


def test_only_the_last_walk_overwrites():
    """exp(x) is stored while the row's sum is built; x is read again for the quotient."""

    def write(x):
        e = Primitive.registry["exp"](x)
        return e, x / e.sum((1,), True)

    (found,) = pairs([(3, 5)], write)
    written = {w for w, _ in found}
    assert len(found) == 1 and written == {3}
