"""`expander test`, against a loop that does the same by hand, in one run on this machine.

The loop calls `expander.expand` for each case and compares what it gives with the objects of the expected
file, loaded with PyYAML's C loader. Both are whole processes: one large case, and many small ones.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.timing import command, measure, verdict

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = ROOT / "examples" / "01-expansion" / "job-tmpl.yaml"
EXPANDER = str(Path(sys.executable).parent / "expander")
LOOP = """
import sys, yaml, expander
path = sys.argv[1]
for case in yaml.load(open(f"{path}/job.test.yaml"), yaml.CSafeLoader)["cases"]:
    made = [each.tree for each in expander.expand(f"{path}/job.yaml", map(str, case["items"]))]
    expected = [*yaml.load_all(open(f"{path}/{case['manifests']}"), yaml.CSafeLoader)]
    assert made == expected, case["name"]
"""


def cases(folder: Path, sizes: list[int]) -> None:
    """A template with a case for each of ``sizes``, the numbers of its items, and what is expected."""
    folder.mkdir()
    (folder / "job.yaml").write_text(TEMPLATE.read_text())
    lines = ["cases:"]
    for number, size in enumerate(sizes):
        items = ", ".join(f'"{number * 1000 + item}"' for item in range(size))
        lines += [
            f"- name: case {number}",
            f"  items: [{items}]",
            f"  count: {size}",
            f"  manifests: {number}.yaml",
        ]
    (folder / "job.test.yaml").write_text("\n".join(lines) + "\n")
    command([EXPANDER, "test", str(folder), "--update"])()


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=5_000)
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        sizes = {
            f"one case of {options.items:,} items": [options.items],
            f"{options.cases:,} cases": [2] * options.cases,
        }
        for number, (what, each) in enumerate(sizes.items()):
            folder = Path(place, str(number))
            cases(folder, each)
            found = measure(
                {
                    "test": command([EXPANDER, "test", str(folder)]),
                    "loop": command([sys.executable, "-c", LOOP, str(folder)]),
                },
                options.rounds,
            )
            print(what)
            for name, one in found.items():
                print(f"  {name}: {one.seconds:.2f} s, {one.cpu:.2f} s of CPU, {one.peak:.0f} MiB")
            ratio = found["test"].cpu / found["loop"].cpu
            verdict("CPU of the loop", ratio, "at most 1.5x", ratio <= 1.5)


if __name__ == "__main__":
    main()
