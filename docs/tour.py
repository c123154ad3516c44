"""One training step, printed at each stop: run `python docs/tour.py`."""

import thalweg as tw
from thalweg.compiler.emit import emit
from thalweg.compiler.plan import KernelStep
from thalweg.compiler.schedule import schedule
from thalweg.nn import functional as F
from thalweg.runtime.holding import FREE, held_elsewhere
from thalweg.runtime.interpreter import source
from thalweg.runtime.program import Program
from thalweg.runtime.state import state


def stop(title: str) -> None:
    print(f"\n--- {title} " + "-" * max(0, 100 - len(title)))


tw.manual_seed(0)
w = tw.randn(3, 2, requires_grad=True)
x, y = tw.randn(4, 3), tw.randn(4, 2)

stop("A Tensor is a Storage seen through a View; this one holds a realized Value")
print(w, w._storage.value.aval, sep="\n")

stop("An operation with a trainable operand is recorded, not computed; its shape is known at once")
prediction = x @ w
print(prediction.shape, "pending:", prediction._storage.value.array is None)

stop("The tape: what backward() will walk")
loss = F.mse_loss(prediction, y)
print(loss.grad_fn, "<-", loss.grad_fn.next_functions)

stop("The trace: one line for each edge; backward() and the update are edges too")
loss.backward()
with tw.no_grad():
    w -= 0.1 * w.grad
for position in state.trace.position.path():
    name = getattr(position.op, "__name__", position.op)
    print(f"{name:<16} reads {position.refs}, recorded at {position.where.rsplit('/', 1)[-1]}")

stop("The graph of one edge: the loss")
print(state.trace.position.path()[1].graph)

stop(
    "The program: where it comes again, the edges' graphs joined, each value computed once, dead code gone"
)
alive = held_elsewhere(state.trace.values, FREE)
program = Program(state.trace.position.path(), len(state.trace.leaves), alive)
print(program.graph)

stop("What the interpreter runs: one NumPy call for each primitive")
print(source(program.graph))

stop("The plan of a native program: kernels and matrix products; views became index maps")
plan = schedule(program.graph)
print(plan)

stop("Its last kernel, the update, as loops: structure is its key, sizes are arguments")
kernel = [step.kernel for step in plan.steps if isinstance(step, KernelStep)][-1]
print(kernel)

stop("The same as LLVM, of which this is the beginning; docs/native.md tells the rest")
print(*emit(kernel, "update").splitlines()[:12], "...", sep="\n")

stop("Asking for a value runs it; w was updated in place, through its Storage")
print(loss.item(), w, sep="\n")
