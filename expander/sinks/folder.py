"""One open folder, the files directly in it, and the names they may have.

The folder is held by a descriptor: what happens to its path later (renamed, replaced by a link) does not
matter, and no name reaches outside it. Nothing here follows a symbolic link inside the folder. Files appear
whole or not at all, whenever the process dies: they are filled without a name, or under a temporary one,
first. Data is not forced to the disk file by file: after a power cut a file may be short, which the next run
sees, since it compares contents after each boot, and mends. Names are path components of at most 255 bytes; a
leading dot is kept for the index and temporary files.
"""

from __future__ import annotations

import errno
import os
import stat
from unicodedata import normalize

from expander.base.digests import blake2b
from expander.base.errors import OutputError
from expander.base.regex import regex

MAX_NAME_BYTES = 255
"""Bytes, in the encoding of the file system."""

_plain = regex(rf"[a-z0-9_-][a-z0-9._-]{{0,{MAX_NAME_BYTES - 1}}}").fullmatch


def key_of(name: str) -> str:
    """The name as a file system sees it that ignores case and Unicode form: two files need two keys.

    Raises OutputError for a name that no file of the folder may have.
    """
    if _plain(name):
        return name
    problem = _problem(name)
    if problem is not None:
        shown = name if len(name) <= 60 else f"{name[:60]}..."
        raise OutputError(f"{shown!r} is not a valid file name: {problem}")
    return normalize("NFC", normalize("NFC", name).casefold())


def _problem(name: str) -> str | None:
    if not name:
        return "it is empty"
    if "/" in name:
        return "it contains /, and all files go into one folder"
    if "\0" in name:
        return "it has a NUL character"
    if name.startswith("."):
        return "it starts with a dot; such names are reserved"
    try:
        length = len(os.fsencode(name))
    except UnicodeEncodeError:
        return "it has a character that the file system's encoding lacks"
    return (
        f"it has {length} bytes; at most {MAX_NAME_BYTES} are possible" if length > MAX_NAME_BYTES else None
    )


TEMPORARY = ".expander-tmp"
"""One name is enough: a folder has one writer at a time. What a dead run left is simply removed."""

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_UNNAMED = getattr(os, "O_TMPFILE", 0) | os.O_WRONLY | os.O_CLOEXEC
_NO_UNNAMED = (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL, errno.EPERM, errno.EXDEV)
_BLOCK = 1 << 20


def digest_of(data: bytes) -> str:
    """32 hexadecimal digits that tell contents apart."""
    return blake2b(data, digest_size=16).hexdigest()


NO_STATE = "0"
"""The state of a file that proves nothing."""


def changed_at(state: str) -> int:
    """When the file was changed last, in nanoseconds since the epoch; 0 where that is not known."""
    return 0 if state == NO_STATE else int(state.split(".", 3)[2], 16)


def _boot() -> str:
    """What tells this boot of the machine from all others; empty where nothing does."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read(8)
    except OSError:
        return ""


def _own_descriptors() -> int | None:
    """The folder in which Linux shows this process's open files; a file gets its first name from there."""
    if not hasattr(os, "O_TMPFILE"):
        return None
    try:
        return os.open("/proc/self/fd", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None


class Folder:
    """The folder at ``path``, made with its parents if need be. OSError says what was refused.

    ``path`` may be a symbolic link to a folder: it is resolved here, once. An open folder is for the process
    that opened it, not for its forks.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        os.makedirs(path or ".", exist_ok=True)
        self.fd = os.open(path or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._descriptors = _own_descriptors()
        self._boot = _boot()

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self.fd)
        if self._descriptors is not None:
            os.close(self._descriptors)

    def show(self, name: str) -> str:
        """The path of a file as the user would write it."""
        return os.path.join(self.path, name)

    def create(self, name: str, data: bytes) -> os.stat_result | None:
        """Make a file that is not there yet. None, and nothing is done, if anything has that name."""
        if self._descriptors is not None:
            try:
                return self._link_new(name, data, self._descriptors)
            except OSError as error:
                if error.errno not in _NO_UNNAMED:
                    raise
                os.close(self._descriptors)
                self._descriptors = None
        if self.kind(name) is not None:
            return None
        return self.replace(name, data)

    def _link_new(self, name: str, data: bytes, descriptors: int) -> os.stat_result | None:
        file = os.open(".", _UNNAMED, 0o666, dir_fd=self.fd)
        try:
            if os.write(file, data) != len(data):
                write_all(file, data, os.lseek(file, 0, os.SEEK_CUR))
            os.link(str(file), name, src_dir_fd=descriptors, dst_dir_fd=self.fd, follow_symlinks=True)
            return os.fstat(file)
        except FileExistsError:
            return None
        finally:
            os.close(file)

    def replace(self, name: str, data: bytes) -> os.stat_result:
        """Put ``data`` in the place of the file ``name``, in one step."""
        try:
            file = os.open(TEMPORARY, _NEW, 0o666, dir_fd=self.fd)
            try:
                write_all(file, data)
            finally:
                os.close(file)
            os.rename(TEMPORARY, name, src_dir_fd=self.fd, dst_dir_fd=self.fd)
            return os.stat(name, dir_fd=self.fd, follow_symlinks=False)
        except BaseException:
            self.remove(TEMPORARY)
            raise

    def kind(self, name: str) -> os.stat_result | None:
        """What is there under that name, without following a link; None if nothing is."""
        try:
            return os.stat(name, dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def state(self, found: os.stat_result) -> str:
        """What a file has only as long as nobody changes it, until the machine is booted again.

        It is its size, the times of its content and of its inode, its inode and the boot. The kernel sets the
        time of the inode at each change, and no program can set it otherwise.
        """
        if not self._boot:
            return NO_STATE
        return f"{found.st_size:x}.{found.st_mtime_ns:x}.{found.st_ctime_ns:x}.{found.st_ino:x}.{self._boot}"

    def state_of(self, name: str) -> str | None:
        """The state of a file as it is now; None if there is none."""
        try:
            return self.state(os.stat(name, dir_fd=self.fd, follow_symlinks=False))
        except FileNotFoundError:
            return None

    def holds(self, name: str, data: bytes, found: os.stat_result) -> bool:
        """Whether the regular file ``name`` has exactly this content."""
        return found.st_size == len(data) and self.read(name) == data

    def read(self, name: str) -> bytes | None:
        """The content of a regular file; None if it is not one, is not there or cannot be read."""
        try:
            file = os.open(name, _READ, dir_fd=self.fd)
        except OSError:
            return None
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                return None
            parts = []
            while part := os.read(file, _BLOCK):
                parts.append(part)
            return b"".join(parts)
        finally:
            os.close(file)

    def remove(self, name: str) -> None:
        """Remove a file, or the link of that name; nothing happens if there is none."""
        try:
            os.unlink(name, dir_fd=self.fd)
        except FileNotFoundError:
            return


def write_all(file: int, data: bytes, start: int = 0) -> None:
    """Write ``data`` from byte ``start`` on, in as many calls as it takes."""
    view = memoryview(data)[start:]
    while view:
        view = view[os.write(file, view) :]
