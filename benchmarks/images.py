"""How long an image takes to be ready, against `tar xf` of the same layers, and to start a container in it.

    python -m benchmarks.images [MIB [FILES [ROUNDS]]]

The image has two layers, as they are and compressed. The store verifies the digests of both and keeps owners,
modes and times; `tar` does not verify.
"""

from __future__ import annotations

import gzip
import io
import os
import select
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

from benchmarks.timing import measure, verdict
from expander.local.images.images import Images
from expander.local.images.store import ImageStore
from expander.local.runtime import bubblewrap
from expander.local.runtime.runtime import Exit, Launch
from expander.local.runtime.sandbox import SandboxRuntime
from expander.local.runtime.supervisor_client import SupervisorClient
from tests.local.images.archives import Layout
from tests.local.images.tiny import tiny_layer

GOAL_SECONDS, GOAL_MILLISECONDS = 3.0, 5.0
STARTS = 100


def layers(mebibytes: int, files: int) -> list[bytes]:
    """A small layer with programs, and one with so many files that compress by half."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        size = (mebibytes << 20) // files
        for number in range(files):
            info = tarfile.TarInfo(f"usr/lib/package{number // 40}/module{number}.py")
            info.size = size
            tar.addfile(info, io.BytesIO(os.urandom(size // 2) + b"x" * (size - size // 2)))
    return [tiny_layer(), out.getvalue()]


def starts(folder: Path, runtime: SandboxRuntime, image: str) -> float:
    """Median milliseconds from a start to the end of `true`."""
    times = []
    with SupervisorClient(folder, runtime) as supervisor:
        for number in range(STARTS):
            begin = time.perf_counter()
            supervisor.start(Launch(str(number), ["true"], {}, f"{folder}/{number}.log", image=image))
            while not any(isinstance(event, Exit) for event in supervisor.read()):
                select.select([supervisor], [], [])
            times.append(time.perf_counter() - begin)
    return statistics.median(times) * 1000


def main() -> None:
    """Measure and print."""
    mebibytes, files, rounds = (*map(int, sys.argv[1:]), *(100, 4000, 3)[len(sys.argv) - 1 :])
    found = bubblewrap.find_bubblewrap()
    if isinstance(found, str):
        sys.exit(found)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = layers(mebibytes, files)
        for kind, packed in (("plain", made), ("gzip", [gzip.compress(each, 6) for each in made])):
            Layout(folder / kind).add(made, zipped=kind == "gzip")
            for number, data in enumerate(packed):
                (folder / f"{kind}{number}").write_bytes(data)

        def ready(kind: str) -> float:
            ImageStore(folder / "store").add(f"oci:{folder}/{kind}", lambda _: None)
            return 0.0

        def tar(kind: str) -> float:
            (folder / "store").mkdir()
            for number in range(2):
                subprocess.run(["tar", "xf", folder / f"{kind}{number}", "-C", folder / "store"], check=True)
            return 0.0

        def clear() -> None:
            shutil.rmtree(folder / "store", ignore_errors=True)

        runs = {"ready, plain": lambda: ready("plain"), "tar xf, plain": lambda: tar("plain")}
        runs |= {"ready, gzip": lambda: ready("gzip"), "tar xf, gzip": lambda: tar("gzip")}
        print(f"{mebibytes} MiB in {files:,} files, median of {rounds}")
        seconds = {what: each.seconds for what, each in measure(runs, rounds, clear).items()}
        for what, each in seconds.items():
            print(f"  {what:14}{each:8.2f} s")
        slowest = max(seconds["ready, plain"], seconds["ready, gzip"])
        verdict("ready against 3 s", slowest / GOAL_SECONDS, "1.00x", slowest <= GOAL_SECONDS)
        clear()
        runtime = SandboxRuntime(found)
        runtime.images = Images({"app": f"oci:{folder}/plain"}, ImageStore(folder / "store"))
        runtime.images.prepare(lambda _: None)
        times = {image: starts(folder / f"runs-{image}", runtime, image) for image in ("", "app")}
        more = times["app"] - times[""]
        print(f"  a container: {times['']:.1f} ms without an image, {times['app']:.1f} ms in one")
        verdict("more against 5 ms", more / GOAL_MILLISECONDS, "1.00x", more <= GOAL_MILLISECONDS)


if __name__ == "__main__":
    main()
