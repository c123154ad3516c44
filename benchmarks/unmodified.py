"""Do programs written for PyTorch print the same with `thalweg run`, and how long do they take?

Runs each of examples/unmodified/ under PyTorch and under Thalweg in turn, each time in a process of its own, compares
what they print, and prints the times side by side. Needs an environment with both.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "examples" / "unmodified"
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
SECONDS = "seconds:"  # how the last line begins


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="which programs; all by default")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    paths = sorted(FOLDER.glob("*.py"))
    if chosen.names:
        paths = [p for p in paths if p.stem in chosen.names]
    print(
        f"{'program':<14} {'lines':>5} {'printed':>22} {'PyTorch':>9} {'Thalweg':>9} {'ratio':>6}   whole process"
    )
    for path in paths:
        times: dict[str, list[float]] = {"torch": [], "thalweg": []}
        whole: dict[str, list[float]] = {"torch": [], "thalweg": []}
        printed: dict[str, list[str]] = {}
        for _ in range(chosen.rounds):
            for way in times:
                begun = time.perf_counter()
                lines = output(path, way)
                whole[way].append(time.perf_counter() - begun)
                *printed[way], last = lines
                times[way].append(float(last.removeprefix(SECONDS)))
        ratio = statistics.median(a / b for a, b in zip(*times.values(), strict=True))
        all_in = statistics.median(a / b for a, b in zip(*whole.values(), strict=True))
        torch, own = (statistics.median(t) for t in times.values())
        verdict = difference(printed["torch"], printed["thalweg"])
        print(
            f"{path.stem:<14} {len(printed['torch']):>5} {verdict:>22} {torch:8.2f}s {own:8.2f}s {ratio:6.2f}   {all_in:.2f}"
        )


def output(path: Path, way: str) -> list[str]:
    """The lines that a program prints."""
    command = [sys.executable, *(["-m", "thalweg", "run"] if way == "thalweg" else []), str(path)]
    root = str(FOLDER.parent.parent)
    environment = os.environ | {"PYTHONPATH": root}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return done.stdout.splitlines()


def difference(first: list[str], second: list[str]) -> str:
    """Whether two outputs are the same, or equal but for the last of four digits."""
    if first == second:
        return "the same"
    if [NUMBER.sub("#", line) for line in first] != [NUMBER.sub("#", line) for line in second]:
        return "other words"
    pairs = [
        (float(a), float(b))
        for one, other in zip(first, second, strict=True)
        for a, b in zip(NUMBER.findall(one), NUMBER.findall(other), strict=True)
    ]
    worst = max(abs(a - b) / max(abs(a), abs(b)) for a, b in pairs if a != b)
    return f"apart by {worst:.1e}"


if __name__ == "__main__":
    main()
