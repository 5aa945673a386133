"""Layers to a folder: what a layer adds, replaces and takes away (layer.md of the OCI image specification).

The folder is the writer's alone until it is done. The path of every entry is resolved as somebody sees it
whose root is the folder, and the folder that it leads to is made or checked one component at a time: no entry
is written through a link. What this user may not do (owners, devices) is left out.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tarfile
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Final

from expander.base.named_tuple import NamedTuple
from expander.local.images.archive import ArchiveError, ImageArchive, Layer, damage_named
from expander.local.images.layers import Allowance, LayerStream, copy
from expander.local.runtime.filetree import resolve

WHITEOUT: Final = ".wh."
OPAQUE: Final = ".wh..wh..opq"
MAX_ENTRIES: Final = 2_000_000
MAX_DEPTH: Final = 250
"""Folders within folders."""

_FOLDER_MODE: Final = 0o700
"""The mode of folders while files come into them; theirs is set at the end."""


class FileAttributes(NamedTuple):
    """What is set on a file besides its content."""

    mode: int
    user: int
    group: int
    time: float

    def set(self, path: str) -> None:
        """Set them, as far as this user may."""
        if os.geteuid() == 0:
            with suppress(PermissionError):
                os.lchown(path, self.user, self.group)
        os.chmod(path, self.mode)
        self.set_time(path)

    def set_time(self, path: str) -> None:
        """Set the time of last change alone; one that no file can have is left out."""
        with suppress(OverflowError, ValueError, OSError):
            os.utime(path, (self.time, self.time), follow_symlinks=False)


_NO_FAULT_OF_THE_ARCHIVE: Final = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.EACCES,
    errno.EPERM,
}
_PLAIN_FOLDER: Final = FileAttributes(0o755, 0, 0, 0.0)


def unpack(archive: ImageArchive, root: str) -> int:
    """Unpack all layers into the empty folder ``root``; the bytes of its files.

    Raises InputError for a layer that is damaged or refused, OSError when ``root`` cannot be written.
    """
    tree, allowance = ImageTree(root), Allowance()
    for number, layer in enumerate(archive.layers, 1):
        where = f"layer {number} of {len(archive.layers)} ({layer.diff_id[:19]})"
        try:
            _apply(archive, layer, tree, allowance)
        except ArchiveError as error:
            raise archive.refusal(f"{where}: {error}") from error
    tree.finish()
    return tree.bytes


def _apply(archive: ImageArchive, layer: Layer, tree: ImageTree, allowance: Allowance) -> None:
    """Add one layer. Raises ArchiveError."""
    with damage_named(layer.file):
        file = archive.open(layer)
    try:
        with closing(LayerStream(layer, _Reported(file), allowance)) as stream:
            tree.begin_layer()
            with damage_named("it is damaged"):
                tar = _opened(stream)
            while (member := _next(tar)) is not None:
                tree.add(member, stream)
                tar.members.clear()  # type: ignore[attr-defined]
            if not stream.ended_well:
                raise ArchiveError(f"it is damaged: no header at byte {stream.tell():,}")
            stream.finish()
    finally:
        file.close()


class _Reported:
    """A layer's file whose errors are about the archive, and not about what is written."""

    def __init__(self, file: object) -> None:
        self._read: Callable[[int], bytes] = file.read  # type: ignore[attr-defined]

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes. Raises ArchiveError."""
        with damage_named("it cannot be read"):
            return self._read(size)

    def close(self) -> None:
        """It is closed by whoever opened it."""


def _opened(stream: LayerStream) -> tarfile.TarFile:
    return tarfile.TarFile(fileobj=stream, mode="r", errors="surrogateescape")  # type: ignore[arg-type]


def _next(tar: tarfile.TarFile) -> tarfile.TarInfo | None:
    with damage_named("it is damaged"):
        return tar.next()


class ImageTree:
    """The files of an image, as its layers make them below ``root``. ``bytes`` are those of its files."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._resolved: dict[str, str] = {}
        """Folders that are there, by their names in entries, links and all."""
        self._attributes: dict[str, FileAttributes] = {root: _PLAIN_FOLDER}
        """Those of folders."""
        self._made: set[str] = {root}
        """What the layer has made."""
        self._entries = 0
        self.bytes = 0

    def begin_layer(self) -> None:
        """Entries from now on are of another layer."""
        self._made = {self._root}
        self._resolved.clear()

    def add(self, member: tarfile.TarInfo, stream: LayerStream) -> None:
        """Do what an entry says. Raises ArchiveError, and OSError when it cannot be written."""
        self._entries += 1
        if self._entries > MAX_ENTRIES:
            raise ArchiveError(f"the image has more than {MAX_ENTRIES:,} files: refused")
        try:
            self._add(member, stream)
        except (OverflowError, ValueError) as error:
            raise ArchiveError(f"entry {member.name!r}: {error}") from error
        except OSError as error:
            if error.errno in _NO_FAULT_OF_THE_ARCHIVE:
                raise
            raise ArchiveError(f"entry {member.name!r}: {error.strerror}") from error

    def _add(self, member: tarfile.TarInfo, stream: LayerStream) -> None:
        name = _clean(member.name, member.name)
        attributes = FileAttributes(member.mode & 0o7777, member.uid, member.gid, member.mtime)
        if not name:
            if not member.isdir():
                raise ArchiveError(f"entry {member.name!r}: the root is no folder")
            self._attributes[self._root] = attributes
            return
        parent, _, base = name.rpartition("/")
        if base.startswith(WHITEOUT):
            self._take_away(parent, base, member.name)
            return
        folder = self._folder(parent)
        path = f"{folder}/{base}"
        there = _mode(path)
        if there is not None and not (stat.S_ISDIR(there) and member.isdir()):
            self._remove(path)
            there = None
        self._made.add(path)
        if member.isdir():
            if there is None:
                os.mkdir(path, _FOLDER_MODE)
            self._attributes[path] = attributes
        elif member.issym():
            os.symlink(member.linkname, path)
            if os.geteuid() == 0:
                with suppress(PermissionError):
                    os.lchown(path, attributes.user, attributes.group)
            attributes.set_time(path)
        elif member.islnk():
            self._link(member, path)
        elif member.isreg():
            self._write(member, stream, path, attributes)
        elif member.isfifo():
            os.mkfifo(path)
            attributes.set(path)
        elif not member.isdev():
            raise ArchiveError(f"entry {member.name!r}: its type {member.type!r} is unknown")

    def _write(
        self, member: tarfile.TarInfo, stream: LayerStream, path: str, attributes: FileAttributes
    ) -> None:
        if member.sparse is not None:
            raise ArchiveError(f"entry {member.name!r}: sparse files are not supported")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            copy(stream, member.size, descriptor)
            self.bytes += member.size
            if os.geteuid() == 0:
                with suppress(PermissionError):
                    os.fchown(descriptor, attributes.user, attributes.group)
            os.fchmod(descriptor, attributes.mode)
            with suppress(OverflowError, ValueError, OSError):
                os.utime(descriptor, (attributes.time, attributes.time))
        finally:
            os.close(descriptor)

    def _link(self, member: tarfile.TarInfo, path: str) -> None:
        parent, _, base = _clean(member.linkname, member.name).rpartition("/")
        target = f"{self._folder(parent)}/{base}"
        mode = _mode(target) if base else None
        if mode is None or stat.S_ISDIR(mode):
            raise ArchiveError(
                f"entry {member.name!r}: it is a link to {member.linkname!r}, which is no file"
            )
        os.link(target, path, follow_symlinks=False)

    def _take_away(self, parent: str, base: str, entry: str) -> None:
        """A whiteout: remove what layers below have made, and nothing of this layer."""
        if base != OPAQUE and not os.path.lexists(self._root + resolve(self._root, parent)):
            return
        folder = self._folder(parent)
        if base == OPAQUE:
            for name in os.listdir(folder):
                self._remove_lower(f"{folder}/{name}")
        elif not base.startswith(WHITEOUT * 2):
            name = base.removeprefix(WHITEOUT)
            if name in ("", ".", ".."):
                raise ArchiveError(f"entry {entry!r}: it takes away no file")
            self._remove_lower(f"{folder}/{name}")

    def _remove_lower(self, path: str) -> None:
        mode = _mode(path)
        if mode is None:
            return
        if path not in self._made:
            self._remove(path)
        elif stat.S_ISDIR(mode):
            for name in os.listdir(path):
                self._remove_lower(f"{path}/{name}")

    def _remove(self, path: str) -> None:
        """Remove a file or a folder; what it led to is not known any more."""
        if stat.S_ISDIR(os.lstat(path).st_mode):
            shutil.rmtree(path)
        else:
            os.unlink(path)
        self._resolved.clear()

    def _folder(self, name: str) -> str:
        """The folder that ``name`` leads to, made where it is missing."""
        if (known := self._resolved.get(name)) is not None:
            self._made.add(known)
            return known
        here = self._root
        parts = resolve(self._root, name).split("/")
        if len(parts) > MAX_DEPTH:
            raise ArchiveError(f"{name[:40]!r}...: more than {MAX_DEPTH} folders within each other")
        for part in filter(None, parts):
            here = f"{here}/{part}"
            mode = _mode(here)
            if mode is None:
                os.mkdir(here, _FOLDER_MODE)
                self._attributes[here] = _PLAIN_FOLDER
            elif not stat.S_ISDIR(mode):
                raise ArchiveError(f"{name!r} leads to no folder")
            self._made.add(here)
        self._resolved[name] = here
        return here

    def finish(self) -> None:
        """Give the folders their attributes."""
        for path in sorted(self._attributes, reverse=True):
            mode = _mode(path)
            if mode is not None and stat.S_ISDIR(mode):
                self._attributes[path].set(path)


def _mode(path: str) -> int | None:
    try:
        return os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None


def _clean(path: str, entry: str) -> str:
    """A path of a tar without empty parts and `.`. Raises ArchiveError for one that leads out."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in path:
        raise ArchiveError(f"entry {entry!r}: {path!r} leads out of the image: refused")
    return "/".join(parts)
