"""``thalweg run``: a program sees what it sees under ``python``, and ends as it ends there."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from thalweg.cli.app import app

ROOT = Path(__file__).parents[2]


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def write(folder: Path, text: str) -> str:
    """The program ``text`` in a folder below ``folder``, beside a module of its own."""
    (folder / "inner").mkdir()
    (folder / "inner" / "beside.py").write_text("value = 7\n")
    (folder / "inner" / "program.py").write_text(text)
    return "inner/program.py"


SURROUNDINGS = '''"""A program."""
import sys, beside
print(sorted(globals()), __name__, __doc__, __file__, __package__, __spec__, type(__loader__).__name__)
print(sys.argv, sys.path[0], beside.value, sys.modules["__main__"].__dict__ is globals(), sys.excepthook)
class Kept: pass
import pickle; print(type(pickle.loads(pickle.dumps(Kept()))) is Kept, Kept.__module__)
def f(): raise ValueError("an error of the program")
try: f()
except ValueError as error: print(error.__traceback__.tb_frame.f_back)
f()
'''


def test_a_program_sees_what_it_sees_under_python(tmp_path: Path) -> None:
    script = write(tmp_path, SURROUNDINGS)
    plain = run(tmp_path, script, "--check", "-x", "a b")
    served = run(tmp_path, "-m", "thalweg", "run", script, "--check", "-x", "a b")
    head, rest = plain.stdout.rsplit("\n", 2)[0], served.stdout.rsplit("\n", 2)[0]
    assert re.sub("0x[0-9a-f]+", "", rest) == re.sub("0x[0-9a-f]+", "", head) and "a b" in head
    assert served.stderr == plain.stderr and "an error of the program" in plain.stderr
    assert (served.returncode, plain.returncode) == (1, 1)


ENDS = {
    "exit with a number": ("import sys; sys.exit(5)", 5, ""),
    "exit with words": ("raise SystemExit('bye')", 1, "bye\n"),
    "interrupted": ("raise KeyboardInterrupt", -signal.SIGINT, "KeyboardInterrupt\n"),
    "no Python": ("def f(:", 1, "SyntaxError: invalid syntax\n"),
    "a missing name": (
        "import torch\ntorch.zeroes(2)",
        1,
        'inner/program.py", line 2, in <module>\n    torch.zeroes(2)\n    ^^^^^^^^^^^^\n'
        "AttributeError: torch.zeroes: no public name of PyTorch 2.13; nearest here: torch.zeros",
    ),
    "a missing import": (
        "from torch.nn import Linaer",
        1,
        'inner/program.py", line 1, in <module>\n    from torch.nn import Linaer\n'
        "ImportError: torch.nn.Linaer: no public name of PyTorch 2.13; nearest here: torch.nn.Linear",
    ),
    "a missing method": (
        "import torch\ntorch.ones(2).sspaddmm()",
        1,
        "AttributeError: 'Tensor' object has no attribute 'sspaddmm'\ntorch.Tensor.sspaddmm: in PyTorch 2.13, and not",
    ),
    "a hook of its own": (
        "import sys\nsys.excepthook = lambda kind, error, trace: print(trace.tb_lineno, file=sys.stderr)\n1 / 0",
        1,
        "3\n",
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_it_ends_as_under_python(name: str, tmp_path: Path) -> None:
    text, code, said = ENDS[name]
    done = run(tmp_path, "-m", "thalweg", "run", write(tmp_path, text))
    assert done.returncode == code and not done.stdout
    plain = re.sub(r"\n +[~^]+(?=\nImportError)", "", done.stderr)
    assert said in plain and "compat" not in plain and plain.count("File ") <= 1


BOOK = """
import copy, pickle, warnings
import torch, torch.nn as nn, torch.nn.functional as F, torch.optim as optim
from torch.autograd import Variable
from torch.utils.data import DataLoader, TensorDataset
warnings.simplefilter("error")
dtype = torch.FloatTensor
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
torch.manual_seed(0)
x = Variable(torch.linspace(-1, 1, 64).type(dtype), requires_grad=False).view(-1, 1)
y = Variable(x.data.pow(2))
class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.hidden, self.out = nn.Linear(1, 16), nn.Linear(16, 1)
    def forward(self, x):
        return self.out(F.tanh(self.hidden(x)))
net = Net().to(device)
optimizer = optim.Adam(net.parameters(), lr=0.02)
for epoch in range(60):
    for a, b in DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True):
        loss = F.mse_loss(net(a), b)
        optimizer.zero_grad(); loss.backward(); optimizer.step()
print(f"{loss.item():.3f}", loss.data.type(), torch.LongTensor([1, 2]), isinstance(x, torch.FloatTensor))
twin = pickle.loads(pickle.dumps(net)); deep = copy.deepcopy(net)
print(torch.equal(twin(x), net(x)), torch.equal(deep(x), net(x)), twin)
print(torch.__version__.split("+")[0], x.dtype, x.shape)
"""


def test_a_program_of_an_older_book(tmp_path: Path) -> None:
    script = write(tmp_path, BOOK)
    served = run(tmp_path, "-m", "thalweg", "run", script)
    assert served.returncode == 0, served.stderr
    assert re.match(
        r"0\.00\d torch.FloatTensor tensor\(\[1, 2\]\) True\nTrue True Net\(\n", served.stdout
    )
    assert served.stdout.endswith("2.13.0 torch.float32 torch.Size([64, 1])\n")
    pytest.importorskip("torch")
    assert run(tmp_path, script).stdout == served.stdout


def test_look(tmp_path: Path) -> None:
    invoke = CliRunner().invoke
    script = tmp_path / "program.py"
    script.write_text("import torch\nx = torch.ones(2)\ntorch.zeroes(3)\nx.sparse_mask(x)\n")
    result = invoke(app, ["run", "--check", str(script), "--epochs", "3"])
    assert result.exit_code == 1
    first, second = result.output.splitlines()
    assert first.startswith(f"{script}:3: torch.zeroes: no public name of PyTorch 2.13")
    assert second.startswith(f"{script}:4: perhaps torch.Tensor.sparse_mask: in PyTorch 2.13")
    script.write_text("import torch\nraise SystemExit(torch.ones(2))\n")
    result = invoke(app, ["run", "--check", str(script)])
    assert result.exit_code == 0 and "all names of PyTorch that it uses are there" in result.output
    script.write_text("import torch as\n")
    result = invoke(app, ["run", "--check", str(script)])
    assert result.exit_code == 2 and "program.py:1: invalid syntax" in result.stderr


@pytest.mark.parametrize("options", [[], ["--check"]])
def test_no_such_file(options: list[str], tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["run", *options, str(tmp_path / "missing.py")])
    assert result.exit_code == 2 and result.stderr.startswith("thalweg: can't open file")
    assert "No such file" in result.stderr and result.stderr.count("\n") == 1
