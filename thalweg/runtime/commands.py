"""The native routines that carry out lists of commands: alone, shared among threads, or ahead of the caller.

Note: commands. A command is four int64: the address of a function ``f(table, meta, begin, end)``, the address of its
``meta``, how many units it has, and how many of them a thread takes at a time. ``table`` holds the addresses of a
program's buffers. A list of commands is given as a block of nine int64: the addresses of the commands, the first and
the one beyond the last, the addresses of the table and of the pool (0: alone), the address of a list of Python ids of
arrays, and how many these are: their data's addresses are put into the table first. Then a gate: before which command
(-1: none) it is, and the address of what it looks at, a number of places in the table and these places; where one of
the bytes there is not 0, the rest of the list is left undone.

Note: tickets. The threads of a pool share a block of int64 (places below). Who drives a list of commands opens each
one that is to be shared by a new odd ticket, takes part, closes it by the even one, and waits for those who are still
inside. Which thread computes what changes nothing: each unit of a command writes results of its own.

Note: jobs. ``submit`` leaves a list of commands in the block and returns. The first thread that claims it drives it:
a worker, or the caller itself when it comes to ``wait`` for a job that nobody has begun; otherwise ``wait`` takes part
in its commands. It ends when so many commands as asked for have been carried out; a caller that was driving then hands
the job over to whoever claims it next. There is one job at a time.
"""

from __future__ import annotations

import platform
import sys

# Places, in units of eight bytes; a line of the processor's cache holds eight. The first line is what idle workers
# look at: the ticket, the number of jobs submitted, how many workers may take part, whether to leave, and the block of
# the last job. Then the next unit, the active workers, the open command (five words), how many sleep, the number of the
# last job that was claimed, that of the last that was done, and how many commands of the list have been carried out.
TICKET, JOB, LIMIT, QUIT, BLOCK = range(5)
NEXT, ACTIVE, COMMAND, SLEEPERS, CLAIMED, DONE = range(8, 56, 8)
PROGRESS = DONE + 1
SIZE = 64
ALL = 2**63 - 1  # commands to wait for
_PLACES = {
    "job": JOB, "limit": LIMIT, "quit": QUIT, "block": BLOCK, "next": NEXT, "active": ACTIVE, "sleepers": SLEEPERS,
    "command": range(COMMAND, COMMAND + 5), "claimed": CLAIMED, "done": DONE, "progress": PROGRESS, "all": ALL,
}  # fmt: skip
_SYSCALL = {"x86_64": 202, "aarch64": 98}
_PAUSE = {"x86_64": "llvm.x86.sse2.pause()", "aarch64": "llvm.aarch64.hint(i32 1)"}
_SPINS = 8000  # pauses before a worker goes to sleep: about 100 microseconds

_SHARE = """
define {linkage} void @share(ptr %pool) {{
entry:
  %next = getelementptr i64, ptr %pool, i64 {next}
  %p_function = getelementptr i64, ptr %pool, i64 {command[0]}
  %function = load ptr, ptr %p_function
  %p_table = getelementptr i64, ptr %pool, i64 {command[1]}
  %table = load ptr, ptr %p_table
  %p_meta = getelementptr i64, ptr %pool, i64 {command[2]}
  %meta = load ptr, ptr %p_meta
  %p_count = getelementptr i64, ptr %pool, i64 {command[3]}
  %count = load i64, ptr %p_count
  %p_grain = getelementptr i64, ptr %pool, i64 {command[4]}
  %grain = load i64, ptr %p_grain
  br label %take
take:
  %begin = atomicrmw add ptr %next, i64 %grain seq_cst
  %some = icmp slt i64 %begin, %count
  br i1 %some, label %body, label %end
body:
  %reach = add i64 %begin, %grain
  %short = icmp slt i64 %count, %reach
  %stop = select i1 %short, i64 %count, i64 %reach
  call void %function(ptr %table, ptr %meta, i64 %begin, i64 %stop)
  br label %take
end:
  ret void
}}
"""

# Take part in the command that is open under %ticket, if it still is.
_ENTER = """
define {linkage} void @enter(ptr %pool, i64 %ticket) {{
entry:
  %active = getelementptr i64, ptr %pool, i64 {active}
  %a1 = atomicrmw add ptr %active, i64 1 seq_cst
  %still = load atomic i64, ptr %pool seq_cst, align 8
  %valid = icmp eq i64 %still, %ticket
  br i1 %valid, label %work, label %leave
work:
  call void @share(ptr %pool)
  br label %leave
leave:
  %a2 = atomicrmw sub ptr %active, i64 1 seq_cst
  ret void
}}
"""

_WAKE = """
define {linkage} void @wake(ptr %pool) {{
entry:
  %sleepers = getelementptr i64, ptr %pool, i64 {sleepers}
  %asleep = load atomic i64, ptr %sleepers seq_cst, align 8
  %any = icmp sgt i64 %asleep, 0
  br i1 %any, label %call, label %end
call:
  %r = call i64 (i64, ...) @syscall(i64 {syscall}, ptr %pool, i32 129, i32 2147483647, ptr null, ptr null, i32 0)
  br label %end
end:
  ret void
}}
declare i64 @syscall(i64, ...)
"""

# Put the addresses of the block's arrays into its table.
_FILL = """
define {linkage} void @fill(ptr %block) {{
entry:
  %p_table = getelementptr i64, ptr %block, i64 3
  %table = load ptr, ptr %p_table
  %p_objects = getelementptr i64, ptr %block, i64 5
  %objects = load ptr, ptr %p_objects
  %p_n = getelementptr i64, ptr %block, i64 6
  %n = load i64, ptr %p_n
  br label %head
head:
  %k = phi i64 [ 0, %entry ], [ %k1, %body ]
  %more = icmp slt i64 %k, %n
  br i1 %more, label %body, label %end
body:
  %place = getelementptr i64, ptr %objects, i64 %k
  %object = load ptr, ptr %place
  %field = getelementptr i8, ptr %object, i64 16
  %data = load ptr, ptr %field
  %slot = getelementptr ptr, ptr %table, i64 %k
  store ptr %data, ptr %slot
  %k1 = add i64 %k, 1
  br label %head
end:
  ret void
}}
"""

# Carry out a part of a list; without a pool: alone. Says whether the gate was shut.
_CARRY_OUT = """
define {linkage} i1 @carry_out(ptr %block, i64 %first, i64 %last) {{
entry:
  %p_commands = getelementptr i64, ptr %block, i64 0
  %commands = load ptr, ptr %p_commands
  %p_table = getelementptr i64, ptr %block, i64 3
  %table = load ptr, ptr %p_table
  %p_pool = getelementptr i64, ptr %block, i64 4
  %pool = load ptr, ptr %p_pool
  %none = icmp eq ptr %pool, null
  %p_gate = getelementptr i64, ptr %block, i64 7
  %gate = load i64, ptr %p_gate
  br label %head
head:
  %i = phi i64 [ %first, %entry ], [ %following, %latch ], [ %following, %tell ]
  %more = icmp slt i64 %i, %last
  br i1 %more, label %body, label %end
body:
  %gated = icmp eq i64 %i, %gate
  br i1 %gated, label %watch, label %go
watch:
  %p_list = getelementptr i64, ptr %block, i64 8
  %list = load ptr, ptr %p_list
  %flags = load i64, ptr %list
  br label %ask
ask:
  %k = phi i64 [ 0, %watch ], [ %k1, %look ]
  %left = icmp slt i64 %k, %flags
  br i1 %left, label %look, label %go
look:
  %k1 = add i64 %k, 1
  %p_place = getelementptr i64, ptr %list, i64 %k1
  %place = load i64, ptr %p_place
  %p_flag = getelementptr ptr, ptr %table, i64 %place
  %flag = load ptr, ptr %p_flag
  %byte = load i8, ptr %flag
  %bad = icmp ne i8 %byte, 0
  br i1 %bad, label %shut, label %ask
shut:
  ret i1 true
go:
  %at = mul i64 %i, 4
  %command = getelementptr i64, ptr %commands, i64 %at
  %function = load ptr, ptr %command
  %p1 = getelementptr i64, ptr %command, i64 1
  %meta = load ptr, ptr %p1
  %p2 = getelementptr i64, ptr %command, i64 2
  %count = load i64, ptr %p2
  %p3 = getelementptr i64, ptr %command, i64 3
  %grain = load i64, ptr %p3
  %small = icmp sle i64 %count, %grain
  %alone = or i1 %small, %none
  br i1 %alone, label %one, label %many
one:
  call void %function(ptr %table, ptr %meta, i64 0, i64 %count)
  br label %latch
many:
  %next = getelementptr i64, ptr %pool, i64 {next}
  %active = getelementptr i64, ptr %pool, i64 {active}
  %f = getelementptr i64, ptr %pool, i64 {command[0]}
  store ptr %function, ptr %f
  %t = getelementptr i64, ptr %pool, i64 {command[1]}
  store ptr %table, ptr %t
  %m = getelementptr i64, ptr %pool, i64 {command[2]}
  store ptr %meta, ptr %m
  %c = getelementptr i64, ptr %pool, i64 {command[3]}
  store i64 %count, ptr %c
  %g = getelementptr i64, ptr %pool, i64 {command[4]}
  store i64 %grain, ptr %g
  store atomic i64 0, ptr %next seq_cst, align 8
  %before = atomicrmw add ptr %pool, i64 1 seq_cst
  call void @wake(ptr %pool)
  call void @share(ptr %pool)
  %opened = atomicrmw add ptr %pool, i64 1 seq_cst
  br label %join
join:
  %inside = load atomic i64, ptr %active seq_cst, align 8
  %busy = icmp sgt i64 %inside, 0
  br i1 %busy, label %hold, label %latch
hold:
  call void @{pause}
  br label %join
latch:
  %following = add i64 %i, 1
  br i1 %none, label %head, label %tell
tell:
  %progress = getelementptr i64, ptr %pool, i64 {progress}
  store atomic i64 %following, ptr %progress seq_cst, align 8
  br label %head
end:
  ret i1 false
}}
declare void @{pause_declared}
"""

_RUN = """
define {linkage} void @run(ptr %block) {{
entry:
  call void @fill(ptr %block)
  %p_first = getelementptr i64, ptr %block, i64 1
  %first = load i64, ptr %p_first
  %p_last = getelementptr i64, ptr %block, i64 2
  %last = load i64, ptr %p_last
  %shut = call i1 @carry_out(ptr %block, i64 %first, i64 %last)
  ret void
}}
"""

# Claim the job that is waiting, if there is one, and carry out what is left of its first %most commands. If there are
# more, it waits again.
_DRIVE = """
define {linkage} void @drive(ptr %pool, i64 %most) {{
entry:
  %p_job = getelementptr i64, ptr %pool, i64 {job}
  %job = load atomic i64, ptr %p_job seq_cst, align 8
  %p_claimed = getelementptr i64, ptr %pool, i64 {claimed}
  %before = sub i64 %job, 1
  %tried = cmpxchg ptr %p_claimed, i64 %before, i64 %job seq_cst seq_cst
  %mine = extractvalue {{ i64, i1 }} %tried, 1
  br i1 %mine, label %work, label %end
work:
  %p_block = getelementptr i64, ptr %pool, i64 {block}
  %block = load ptr, ptr %p_block
  %p_last = getelementptr i64, ptr %block, i64 2
  %last = load i64, ptr %p_last
  %p_progress = getelementptr i64, ptr %pool, i64 {progress}
  %first = load atomic i64, ptr %p_progress seq_cst, align 8
  %in_part = icmp slt i64 %most, %last
  %stop = select i1 %in_part, i64 %most, i64 %last
  %shut = call i1 @carry_out(ptr %block, i64 %first, i64 %stop)
  %open = xor i1 %shut, true
  %goes_on = and i1 %in_part, %open
  br i1 %goes_on, label %hand_over, label %finish
hand_over:
  store atomic i64 %before, ptr %p_claimed seq_cst, align 8
  %ticket = atomicrmw add ptr %pool, i64 2 seq_cst
  call void @wake(ptr %pool)
  br label %end
finish:
  %p_done = getelementptr i64, ptr %pool, i64 {done}
  store atomic i64 %job, ptr %p_done seq_cst, align 8
  br label %end
end:
  ret void
}}
"""

# The ticket is raised by two, so that a worker about to sleep on the old one does not.
_SUBMIT = """
define {linkage} void @submit(ptr %block) {{
entry:
  call void @fill(ptr %block)
  %p_pool = getelementptr i64, ptr %block, i64 4
  %pool = load ptr, ptr %p_pool
  %p_block = getelementptr i64, ptr %pool, i64 {block}
  store ptr %block, ptr %p_block
  %p_first = getelementptr i64, ptr %block, i64 1
  %first = load i64, ptr %p_first
  %p_progress = getelementptr i64, ptr %pool, i64 {progress}
  store atomic i64 %first, ptr %p_progress seq_cst, align 8
  %p_job = getelementptr i64, ptr %pool, i64 {job}
  %job = atomicrmw add ptr %p_job, i64 1 seq_cst
  %ticket = atomicrmw add ptr %pool, i64 2 seq_cst
  call void @wake(ptr %pool)
  ret void
}}
"""

_WAIT = """
define {linkage} void @wait(ptr %pool, i64 %most) {{
entry:
  %p_progress = getelementptr i64, ptr %pool, i64 {progress}
  %p_job = getelementptr i64, ptr %pool, i64 {job}
  %p_claimed = getelementptr i64, ptr %pool, i64 {claimed}
  %p_done = getelementptr i64, ptr %pool, i64 {done}
  br label %look
look:
  %seen = phi i64 [ 0, %entry ], [ %seen, %idle ], [ %seen, %take ], [ %ticket, %help ]
  %job = load atomic i64, ptr %p_job seq_cst, align 8
  %done = load atomic i64, ptr %p_done seq_cst, align 8
  %over = icmp eq i64 %job, %done
  %progress = load atomic i64, ptr %p_progress seq_cst, align 8
  %reached = icmp sge i64 %progress, %most
  %enough = or i1 %over, %reached
  br i1 %enough, label %end, label %ask
ask:
  %claimed = load atomic i64, ptr %p_claimed seq_cst, align 8
  %begun = icmp eq i64 %job, %claimed
  br i1 %begun, label %follow, label %take
take:
  call void @drive(ptr %pool, i64 %most)
  br label %look
follow:
  %ticket = load atomic i64, ptr %pool seq_cst, align 8
  %odd = and i64 %ticket, 1
  %open = icmp eq i64 %odd, 1
  %fresh = icmp ne i64 %ticket, %seen
  %shared = and i1 %open, %fresh
  br i1 %shared, label %help, label %idle
help:
  call void @enter(ptr %pool, i64 %ticket)
  br label %look
idle:
  call void @{pause}
  br label %look
end:
  ret void
}}
declare void @{pause_declared}
"""

# %index: which worker this is.
_WORKER = """
define {linkage} void @worker(ptr %pool, i64 %index) {{
entry:
  %sleepers = getelementptr i64, ptr %pool, i64 {sleepers}
  %limit = getelementptr i64, ptr %pool, i64 {limit}
  %quit = getelementptr i64, ptr %pool, i64 {quit}
  %p_job = getelementptr i64, ptr %pool, i64 {job}
  %p_claimed = getelementptr i64, ptr %pool, i64 {claimed}
  br label %wait
wait:
  %seen = phi i64 [ 0, %entry ], [ %seen, %rest ], [ %ticket, %help ], [ %seen, %awake ], [ %seen, %take ], [ %ticket, %join ]
  %spins = phi i64 [ 0, %entry ], [ %more_spins, %rest ], [ 0, %help ], [ 0, %awake ], [ 0, %take ], [ 0, %join ]
  %over = load atomic i64, ptr %quit seq_cst, align 8
  %leaving = icmp ne i64 %over, 0
  br i1 %leaving, label %end, label %look
look:
  %ticket = load atomic i64, ptr %pool seq_cst, align 8
  %odd = and i64 %ticket, 1
  %open = icmp eq i64 %odd, 1
  %fresh = icmp ne i64 %ticket, %seen
  %shared = and i1 %open, %fresh
  br i1 %shared, label %join, label %ask
join:
  %most = load atomic i64, ptr %limit seq_cst, align 8
  %wanted = icmp slt i64 %index, %most
  br i1 %wanted, label %help, label %wait
help:
  call void @enter(ptr %pool, i64 %ticket)
  br label %wait
ask:
  %job = load atomic i64, ptr %p_job seq_cst, align 8
  %claimed = load atomic i64, ptr %p_claimed seq_cst, align 8
  %waiting = icmp ne i64 %job, %claimed
  %allowed = load atomic i64, ptr %limit seq_cst, align 8
  %counts = icmp slt i64 %index, %allowed
  %may = and i1 %waiting, %counts
  br i1 %may, label %take, label %idle
take:
  call void @drive(ptr %pool, i64 {all})
  br label %wait
idle:
  call void @{pause}
  %more_spins = add i64 %spins, 1
  %tired = icmp sgt i64 %more_spins, {spins}
  br i1 %tired, label %sleep, label %rest
rest:
  br label %wait
sleep:
  %s1 = atomicrmw add ptr %sleepers, i64 1 seq_cst
  %again = load atomic i64, ptr %pool seq_cst, align 8
  %same = icmp eq i64 %again, %ticket
  br i1 %same, label %down, label %awake
down:
  %value = trunc i64 %ticket to i32
  %r = call i64 (i64, ...) @syscall(i64 {syscall}, ptr %pool, i32 128, i32 %value, ptr null, ptr null, i32 0)
  br label %awake
awake:
  %s2 = atomicrmw sub ptr %sleepers, i64 1 seq_cst
  br label %wait
end:
  ret void
}}
declare void @{pause_declared}
declare i64 @syscall(i64, ...)
"""

_ROUTINES = {
    "share": _SHARE, "enter": _ENTER, "wake": _WAKE, "fill": _FILL, "carry_out": _CARRY_OUT, "run": _RUN,
    "drive": _DRIVE, "submit": _SUBMIT, "wait": _WAIT, "worker": _WORKER,
}  # fmt: skip
_CALLED = {
    "run": ("fill", "carry_out", "wake", "share"),
    "submit": ("fill", "wake"),
    "wait": ("drive", "carry_out", "wake", "share", "enter"),
    "worker": ("drive", "carry_out", "wake", "share", "enter"),
}


def _machine() -> str:
    machine = platform.machine().lower()
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)


def can_sleep() -> bool:
    """Whether threads can be put to sleep and woken on this system (futex)."""
    return sys.platform.startswith("linux") and _machine() in _SYSCALL


def futex() -> int:
    """The number of the system call."""
    return _SYSCALL[_machine()]


def text(name: str) -> str:
    """The module of routine ``name``: ``run``, ``submit``, ``wait`` or ``worker``."""
    pause = _PAUSE.get(_machine(), "llvm.donothing()")
    filled = [
        _ROUTINES[part].format(
            linkage="internal" if part != name else "", pause=pause, pause_declared=pause.replace("i32 1", "i32"),
            syscall=_SYSCALL.get(_machine(), 0), spins=_SPINS, **_PLACES,
        )
        for part in (name, *_CALLED[name])
    ]  # fmt: skip
    lines: dict[str, None] = {}
    bodies = []
    for body in filled:
        kept = []
        for line in body.splitlines():
            if line.startswith("declare"):
                lines[line] = None
            else:
                kept.append(line)
        bodies.append("\n".join(kept))
    return "\n".join([*bodies, *lines])
