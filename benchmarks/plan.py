"""A plan of a batch beside its expansion, in one run on this machine: what counting costs on top.

Whole processes are timed, start-up included; both validate every manifest.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.timing import command, measure, verdict

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = str(ROOT / "examples" / "01-expansion" / "job-tmpl.yaml")
EXPANDER = str(Path(sys.executable).parent / "expander")


def main() -> None:
    """Run the comparison and look at memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    items = ["-i", f"1-{options.items}"]
    found = measure(
        {
            "expand": command([EXPANDER, "expand", TEMPLATE, *items, "-o", "json"]),
            "plan": command([EXPANDER, "plan", TEMPLATE, *items, "--offline"]),
        },
        options.rounds,
    )
    print(f"{options.items:,} items")
    for name, measured in found.items():
        print(f"  {name}: {measured.seconds:.2f} s, {options.items / measured.seconds:,.0f}/s")
    ratio = found["plan"].seconds / found["expand"].seconds
    verdict("plan: time of the expansion", ratio, "at most 2x", ratio <= 2)
    many = command([EXPANDER, "plan", TEMPLATE, "-i", f"1-{options.items * 10}", "--offline"])
    peak = measure({"plan": many}, 1)["plan"].peak
    print(f"{options.items * 10:,} items: {peak:.0f} MiB at the peak")
    verdict("of 150 MiB", peak / 150, "at most 1x", peak <= 150)


if __name__ == "__main__":
    main()
