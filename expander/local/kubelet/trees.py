"""Files below a folder whose content may be hostile: nothing is written or read outside of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from hashlib import blake2b

from expander.local.kubelet.payload import File
from expander.local.kubelet.refusals import VolumeError

PARTIAL = "..partial"
"""No path of a volume's item starts with two dots: the API server refuses it."""


LARGE = 1 << 10
"""Bytes from which on a file is shared: on ext4 a new file can cost a millisecond, a link hardly anything."""


def inside(path: str) -> list[str]:
    """The names of a relative path, without those that mean nothing; VolumeError when it could lead out."""
    names = [name for name in path.split("/") if name not in ("", ".")]
    if path.startswith("/") or ".." in names or not names or "\0" in path:
        raise VolumeError(f"invalid path: {path!r} must be relative and stay inside the volume")
    return names


def write(
    folder: str, files: Mapping[str, File], group: int | None = None, shared: str | None = None
) -> None:
    """Write ``files`` below ``folder``, which is this process's own. Links are not followed.

    ``group``: whom the files belong to besides; they may read what the owner may. ``shared`` is a folder on
    the same disk in which large files are once, read-only: the pods of a batch have links to them.
    """
    os.makedirs(folder, mode=0o755, exist_ok=True)
    for inner, file in files.items():
        *parents, name = inside(inner)
        at = folder
        for parent in parents:
            at = f"{at}/{parent}"
            if os.path.islink(at):
                raise VolumeError(f"invalid path: {inner!r} goes through a link")
            os.makedirs(at, mode=0o755, exist_ok=True)
        path = f"{at}/{name}"
        if shared is None or len(file.data) < LARGE or not _linked(path, file, group, shared):
            _write(path, file, group)


def _linked(path: str, file: File, group: int | None, shared: str) -> bool:
    """Make ``path`` a link to the one file of that content, mode and group; False where that cannot be."""
    name = blake2b(file.data, digest_size=16, salt=f"{file.mode:o}.{group}".encode()[:16]).hexdigest()
    one = f"{shared}/{name}"
    try:
        if not os.path.exists(one):
            os.makedirs(shared, mode=0o755, exist_ok=True)
            _write(one, File(file.data, file.mode & ~0o222), group)
        with suppress(FileNotFoundError):
            os.unlink(path)
        os.link(one, path, follow_symlinks=False)
    except OSError:
        return False
    return True


def _write(path: str, file: File, group: int | None) -> None:
    """One file, whole or not at all."""
    partial = f"{os.path.dirname(path)}/{PARTIAL}"
    mode = file.mode if group is None else file.mode | (file.mode >> 3 & 0o070)
    with suppress(FileNotFoundError):
        os.unlink(partial)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(partial, flags, 0o600)
    with open(descriptor, "wb") as target:
        target.write(file.data)
        os.fchmod(descriptor, mode)
        if group is not None and os.geteuid() == 0:
            os.fchown(descriptor, -1, group)
    os.replace(partial, path)


def below(folder: str, path: str, make: bool) -> str:
    """The real place of ``path`` below ``folder``. ``make``: as a folder, when nothing is there.

    VolumeError when it is outside, be it by ``..`` or by a link somewhere on the way.
    """
    names = inside(path)
    root = os.path.realpath(folder)
    found = os.path.realpath(os.path.join(root, *names))
    if os.path.commonpath((root, found)) != root:
        raise VolumeError(f"{path!r} leads out of the volume")
    if make and not os.path.lexists(found):
        os.makedirs(found, mode=os.stat(root).st_mode & 0o7777, exist_ok=True)
    return found


def size(folder: str) -> int:
    """The bytes that the files below ``folder`` take on disk; links are counted, not followed."""
    total = 0
    pending = [folder]
    while pending:
        try:
            entries = list(os.scandir(pending.pop()))
        except OSError:
            continue
        for entry in entries:
            try:
                total += entry.stat(follow_symlinks=False).st_blocks * 512
            except OSError:
                continue
            if entry.is_dir(follow_symlinks=False):
                pending.append(entry.path)
    return total
