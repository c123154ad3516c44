"""What `import thalweg` costs beyond NumPy's own import: `python benchmarks/import_time.py`."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys

AIM_MS = 150


def seconds(code: str) -> float:
    """Seconds that a fresh interpreter takes for ``code``, by its own clock; bytecode is kept, as installed."""
    timed = f"import time; t = time.perf_counter(); {code}; print(time.perf_counter() - t)"
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-c", timed], capture_output=True, text=True, check=True, env=environment
    )
    return float(done.stdout)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=15)
    options = arguments.parse_args()
    cases = {"numpy": "import numpy", "numpy, then thalweg": "import numpy, thalweg"}
    seconds(cases["numpy, then thalweg"])
    rounds = [{name: seconds(code) for name, code in cases.items()} for _ in range(options.rounds)]
    for name in cases:
        print(f"{name:<22} {statistics.median(r[name] for r in rounds) * 1e3:7.1f} ms")
    beyond = statistics.median(r["numpy, then thalweg"] - r["numpy"] for r in rounds) * 1e3
    print(f"{'thalweg beyond numpy':<22} {beyond:7.1f} ms (aim: at most {AIM_MS})")


if __name__ == "__main__":
    main()
