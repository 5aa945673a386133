"""Expansion against the ways of the Kubernetes documentation, in one run on this machine.

Peers: the Jinja2 one-liner and the `sed` loop of the task page, and bare creation of the same files. All
switches of `expander expand` are as users have them. Whole processes are timed, start-up included.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.timing import command, measure, verdict

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = ROOT / "examples" / "01-expansion" / "job-tmpl.yaml"
ONE_LINER = "from jinja2 import Template; import sys; print(Template(sys.stdin.read()).render());"
PER_ITEM = (
    "from jinja2 import Template; import sys; t = Template(sys.stdin.read());"
    "[print('---', t.render(item=n), sep='\\n') for n in range(int(sys.argv[1]))]"
)
EXPANDER = [str(Path(sys.executable).parent / "expander"), "expand"]


def starting(rounds: int) -> None:
    """CPU of the program before and with one item."""
    found = measure(
        {
            "--version": command([EXPANDER[0], "--version"]),
            "one item": command([*EXPANDER, str(TEMPLATE), "1"]),
            "python -c 'import jinja2'": command([sys.executable, "-c", "import jinja2"]),
        },
        rounds,
    )
    peer = found.pop("python -c 'import jinja2'").cpu
    print(f"start, CPU (importing jinja2: {peer:.2f} s)")
    for (name, measured), goal in zip(found.items(), (0.12, 0.20), strict=True):
        verdict(f"{name}: CPU, of {goal:.2f} s", measured.cpu / goal, "at most 1x", measured.cpu <= goal)
        print(f"  {name} against importing jinja2: {measured.cpu / peer:.2f}x")


def to_a_stream(folder: Path, items: int, rounds: int) -> None:
    """`$ITEM` and Jinja2 templates to standard output, and the one-liner in three ways."""
    body = TEMPLATE.read_text().replace("$ITEM", "item-{{ item }}")
    listed = folder / "listed.yaml.jinja2"
    listed.write_text(f"{{%- set params = {list(range(items))} %}}\n{_loop('params', body)}")
    counted = folder / "counted.yaml.jinja2"
    counted.write_text(_loop(f"range({items})", body))
    each = folder / "job.yaml.jinja2"
    each.write_text(body)
    print(f"{items:,} items to a stream")
    found = measure(
        {
            "one-liner, parameters listed in the template": command(
                [sys.executable, "-c", ONE_LINER], listed
            ),
            "one-liner, one render per item": command([sys.executable, "-c", PER_ITEM, str(items)], each),
            "one-liner, range() in the template": command([sys.executable, "-c", ONE_LINER], counted),
            "$ITEM": command([*EXPANDER, str(TEMPLATE), "-i", f"0-{items - 1}"]),
            "$ITEM, JSON Lines": command([*EXPANDER, str(TEMPLATE), "-i", f"0-{items - 1}", "-o", "json"]),
            "Jinja2, listed": command([*EXPANDER, str(listed)]),
            "Jinja2, per item": command([*EXPANDER, str(each), "-i", f"0-{items - 1}"]),
            "Jinja2, range()": command([*EXPANDER, str(counted)]),
        },
        rounds,
    )
    for name, measured in found.items():
        print(f"  {name}: {measured.seconds:.2f} s, {items / measured.seconds:,.0f}/s")
    listing, rendering, counting = (found[name].seconds for name in list(found)[:3])
    for name, peer, words, goal in (
        ("$ITEM", listing, "listed parameters", 0.1),
        ("$ITEM", rendering, "one render per item", 1),
        ("$ITEM", counting, "range()", 1),
        ("Jinja2, listed", listing, "listed parameters", 1.3),
        ("Jinja2, per item", rendering, "one render per item", 1.3),
        ("Jinja2, range()", counting, "range()", 1.3),
    ):
        ratio = found[name].seconds / peer
        verdict(f"{name}: time of the one-liner with {words}", ratio, f"at most {goal}x", ratio <= goal)


def _loop(values: str, body: str) -> str:
    return f"{{%- for item in {values} %}}\n---\n{body}{{%- endfor %}}\n"


TYPED = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: process-$INDEX
  labels:
    jobgroup: jobexample
    part: ${part}
  annotations:
    note: ${note}
spec:
  completions: ${count}
  template:
    spec:
      containers:
      - name: c
        image: busybox
        command: [process, $INDEX]
        resources:
          limits:
            memory: ${size}Mi
      restartPolicy: Never
"""
_FIELDS = ("note", "part", "count", "size")
"""The first one, which keys are made of, differs between items."""


def with_typed_fields(folder: Path, items: int, rounds: int) -> None:
    """A label, an annotation, an integer and an amount of each item, and the same unvalidated."""
    plain, named, rows = folder / "plain.yaml", folder / "named.yaml", folder / "rows.csv"
    plain.write_text(re.sub(r"\$\{\w+\}", "${ITEM}", TYPED))
    named.write_text(re.sub(r"\$\{(\w+)\}", r"${ITEM.\1}", TYPED))
    lines = (f"note {n},part-{n % 97},{n % 89 + 1},{n + 64}\n" for n in range(items))
    rows.write_text("".join([",".join(_FIELDS), "\n", *lines]))
    print(f"{items:,} items with a label, an annotation, an integer and an amount")
    for words, arguments in (
        ("numbers", [str(plain), "-i", f"1-{items}"]),
        ("rows of a CSV file", [str(named), "-i", str(rows)]),
    ):
        own = [*EXPANDER, *arguments]
        found = measure(
            {"validated": command(own), "unvalidated": command([*own, "--no-validate"])},
            rounds,
        )
        validated, peer = found["validated"].seconds, found["unvalidated"].seconds
        print(f"  {words}: {validated:.2f} s, {items / validated:,.0f}/s")
        ratio = validated / peer
        verdict(f"{words}: time of the unvalidated expansion", ratio, "at most 1.3x", ratio <= 1.3)


def against_sed(folder: Path, rounds: int) -> None:
    """1,000 items into a folder, and the loop of the page."""
    loop = (
        f"mkdir -p {folder}/sed; for i in $(seq 1000); do cat {TEMPLATE} | "
        f'sed "s/\\$ITEM/$i/" > {folder}/sed/job-$i.yaml; done'
    )
    jobs = folder / "jobs"

    def clean() -> None:
        for name in ("jobs", "sed", "one"):
            shutil.rmtree(folder / name, ignore_errors=True)

    found = measure(
        {
            "sed loop": command(["bash", "-c", loop]),
            "expander": command([*EXPANDER, str(TEMPLATE), "-i", "1-1000", "-o", str(jobs)]),
            "expander, one item": command([*EXPANDER, str(TEMPLATE), "1", "-o", str(folder / "one")]),
        },
        rounds,
        clean,
    )
    print("1,000 items to a folder")
    for name, measured in found.items():
        print(f"  {name}: {measured.seconds * 1000:,.0f} ms")
    sed, own = found["sed loop"].seconds, found["expander"].seconds
    more = max(own - found["expander, one item"].seconds, 1e-6)
    print(f"  faster than the sed loop: {sed / own:,.1f}x, without start-up {sed / more:,.0f}x")


def to_a_folder(folder: Path, items: int, rounds: int) -> None:
    """Files of a batch, and bare creation of files with the same bytes."""
    made = folder / "made"
    command([*EXPANDER, str(TEMPLATE), "-i", f"0-{items - 1}", "-o", str(made)])()
    files = [(path.name, path.read_bytes()) for path in made.iterdir() if not path.name.startswith(".")]
    raw = folder / "raw"

    def bare() -> float:
        raw.mkdir()
        start = time.perf_counter()
        for name, data in files:
            with open(f"{raw}/{name}", "wb", buffering=0) as file:
                file.write(data)
        bare_seconds.append(time.perf_counter() - start)
        return 0.0

    bare_seconds: list[float] = []
    own = command([*EXPANDER, str(TEMPLATE), "-i", f"0-{items - 1}", "-o", str(made)])

    def clean() -> None:
        shutil.rmtree(made, ignore_errors=True)
        shutil.rmtree(raw, ignore_errors=True)

    found = measure({"bare files": bare, "expander": own}, rounds, clean)
    print(f"{len(files):,} items to a folder")
    for name, measured in found.items():
        print(f"  {name}: {measured.seconds:.2f} s, {items / measured.seconds:,.0f}/s")
    again = measure({"again": own}, 1)["again"].seconds
    bare_time = found["bare files"].seconds
    for name, seconds, goal in (("first", found["expander"].seconds, 1.3), ("unchanged", again, 0.4)):
        ratio = seconds / bare_time
        verdict(f"{name} run: time of bare file creation", ratio, f"at most {goal}x", ratio <= goal)


def in_constant_memory(items: int) -> None:
    """The peak of a long stream."""
    found = measure({"stream": command([*EXPANDER, str(TEMPLATE), "-i", f"1-{items}"])}, 1)["stream"]
    print(f"{items:,} items to a stream: {found.seconds:.1f} s, {found.peak:.0f} MiB at the peak")
    verdict("of 100 MiB", found.peak / 100, "at most 1x", found.peak <= 100)


def main() -> None:
    """Run all comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where to write files (default: a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        print(f"load {os.getloadavg()[0]:.1f}")
        starting(options.rounds)
        in_constant_memory(options.items * 10)
        to_a_stream(folder, options.items, options.rounds)
        with_typed_fields(folder, options.items, options.rounds)
        against_sed(folder, options.rounds)
        to_a_folder(folder, options.items // 2, options.rounds)


if __name__ == "__main__":
    main()
