"""A small image with programs of this machine: a shell, a few commands, and the libraries that they need."""

from __future__ import annotations

import functools
import io
import os
import re
import shutil
import subprocess
import tarfile

PROGRAMS = ("sh", "cat", "id", "sleep", "true")


@functools.cache
def tiny_layer(*more: str) -> bytes:
    """A layer with `PROGRAMS`, ``more`` and the users root and app (1234, also of the group extra)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", dereference=True) as tar:
        libraries = set()
        for name in (*PROGRAMS, *more):
            path = shutil.which(name)
            assert path is not None, f"this test needs {name}"
            tar.add(path, f"bin/{name}")
            needed = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
            libraries |= {*re.findall(r"(/[^ ]+) \(", needed)}
        for library in sorted(libraries):
            tar.add(os.path.realpath(library), library.lstrip("/"))
        for path, text in {
            "etc/passwd": "root:x:0:0::/root:/bin/sh\napp:x:1234:2345::/home/app:/bin/sh\n",
            "etc/group": "root:x:0:\nextra:x:3456:app,other\n",
        }.items():
            info = tarfile.TarInfo(path)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
        for path in ("tmp", "data", "home/app"):
            info = tarfile.TarInfo(path)
            info.type, info.mode = tarfile.DIRTYPE, 0o777
            tar.addfile(info)
    return out.getvalue()
