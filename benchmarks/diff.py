"""Two versions of a batch compared, against what people do without it, in one run on this machine.

Templates: the expansions of both, which say nothing yet. Folders of manifests: ``diff -r``, which compares
lines, and a loop that loads both files of a name with PyYAML's C loader and compares the objects. Whole
processes are timed, start-up included; every object differs in one field.
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
import os, sys, yaml
old, new = sys.argv[1:]
for name in os.listdir(old):
    with open(f"{old}/{name}") as first, open(f"{new}/{name}") as second:
        if yaml.load(first, yaml.CSafeLoader) != yaml.load(second, yaml.CSafeLoader):
            print(name)
"""


def differing(*words: str) -> list[str]:
    """The command, whose exit code says that there are differences."""
    return ["sh", "-c", '"$@"; [ $? = 1 ]', "sh", *words]


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        old, new = str(TEMPLATE), str(Path(place, "new.yaml"))
        Path(new).write_text(TEMPLATE.read_text().replace("busybox", "busybox:1.37"))
        items = ["-i", f"1-{options.items}"]
        made = [str(Path(place, name)) for name in ("old", "new")]
        for template, folder in zip((old, new), made, strict=True):
            command([EXPANDER, "expand", template, *items, "-o", folder])()
            Path(folder, ".expander-index").unlink()
        expansions = [" ".join([EXPANDER, "expand", each, *items, "-o", "json"]) for each in (old, new)]
        found = measure(
            {
                "diff of templates": command(differing(EXPANDER, "diff", old, new, *items)),
                "two expansions": command(["sh", "-c", " && ".join(expansions)]),
                "diff of folders": command(differing(EXPANDER, "diff", *made)),
                "loop with PyYAML": command([sys.executable, "-c", LOOP, *made]),
                "diff -r": command(differing("diff", "-r", *made)),
            },
            options.rounds,
        )
    print(f"{options.items:,} items")
    for name, one in found.items():
        print(f"  {name}: {one.seconds:.2f} s, {one.cpu:.2f} s of CPU, {one.peak:.0f} MiB")
    templates = found["diff of templates"].cpu / found["two expansions"].cpu
    verdict("templates: CPU of both expansions", templates, "at most 3x", templates <= 3)
    folders = found["diff of folders"].cpu / found["loop with PyYAML"].cpu
    verdict("folders: CPU of the loop with PyYAML", folders, "at most 2.5x", folders <= 2.5)
    print(f"  folders: {found['diff of folders'].cpu / found['diff -r'].cpu:.1f}x the CPU of diff -r")


if __name__ == "__main__":
    main()
