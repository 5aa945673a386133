"""How fast the output of many Jobs comes through `expander run`, against GNU parallel or ``xargs``.

    python -m benchmarks.output [JOBS [LINES [ROUNDS]]]

Every Job prints lines; each line comes out as soon as it is written, with its item in front. GNU parallel
does that with ``--line-buffer --tag``; where it is not installed, ``xargs -P`` runs every command into a
``sed`` that puts the item in front. `expander run` keeps all lines in its logs too.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.run import AT_A_TIME, fresh, job
from benchmarks.timing import command, measure, verdict


def main() -> None:
    """Compare whole commands, in turn."""
    jobs, lines, rounds = (int(text) for text in [*sys.argv[1:], "200", "10000", "3"][:3])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        template, items = folder / "template.yaml", folder / "items"
        template.write_text(json.dumps(job("job-$ITEM", "seq", str(lines))))
        items.write_text("".join(f"{number}\n" for number in range(jobs)))
        width = str(AT_A_TIME)
        own = fresh(folder / "state", "--jobs", width, str(template), "--items", f"0-{jobs - 1}", quiet=False)
        script = f'seq {lines} | sed "s/^/[$0] /"'
        peer, words = "xargs", ["xargs", "-a", str(items), "-P", width, "-n", "1", "sh", "-c", script]
        if shutil.which("parallel"):
            words = ["parallel", "--will-cite", "--line-buffer", "--tag", "-j", width, "-a", str(items)]
            peer, words = "parallel", [*words, f"seq {lines} # {{}}"]
        found = measure({"expander": own, peer: command(words)}, rounds)
    print(f"{jobs:,} Jobs x {lines:,} lines, {AT_A_TIME} at a time, median of {rounds}")
    for which, measured in found.items():
        rate = jobs * lines / measured.seconds
        print(f"  {which:10}{measured.seconds:8.2f} s {rate:12,.0f} lines/s {measured.peak:6.0f} MiB")
    ratio = found[peer].seconds / found["expander"].seconds
    verdict(f"rate against {peer}", ratio, "0.3x", ratio >= 0.3)


if __name__ == "__main__":
    main()
