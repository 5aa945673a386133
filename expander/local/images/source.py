"""Where an image is read from: a folder or a tar file, and the files in it by name."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final, Protocol

from expander.base.errors import InputError
from expander.base.named_tuple import NamedTuple

if TYPE_CHECKING:
    import tarfile

KINDS: Final = ("oci", "oci-archive", "docker-archive")
"""What may stand before the colon of a source; skopeo and podman have the same words."""

MAX_HEADER: Final = 16 << 10
"""Bytes of a long name and the like, before a file of such an archive."""
MAX_MEMBERS: Final = 100_000
"""Files that an archive of images may have; each layer is one."""
FREE_BYTES: Final = 1 << 30
MAX_RATIO: Final = 200
"""What is compressed may be a gigabyte, or so many times its size."""


class Readable(Protocol):
    """A file that is read from its beginning to its end."""

    def read(self, size: int = -1, /) -> bytes: ...

    def close(self) -> None: ...


class ImageSource(NamedTuple):
    """``KIND:PATH[:NAME]``; ``name`` chooses among several images. Without a kind the file itself says it."""

    kind: str
    path: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind and self.kind + ':'}{self.path}{self.name and ':' + self.name}"

    @property
    def is_folder(self) -> bool:
        """Whether its files are in a folder."""
        return self.kind == "oci" or (self.kind == "" and os.path.isdir(self.path))


def is_source(text: str) -> bool:
    """Whether ``text`` names an image in a file, and not a folder."""
    return text.partition(":")[0] in KINDS and ":" in text


def parse_source(text: str) -> ImageSource:
    """The source that ``text`` names: the longest path that exists, then the name. Raises InputError."""
    kind, _, rest = text.partition(":")
    if kind not in KINDS and os.path.lexists(text):
        return ImageSource("", text, "")
    if kind not in KINDS or not rest:
        hint = "expected oci:DIR, oci-archive:FILE or docker-archive:FILE, each with or without :NAME"
        raise InputError(f"{text}: no such file or directory", hint=hint)
    path, name = rest, ""
    while not os.path.lexists(path) and ":" in path:
        path, _, last = path.rpartition(":")
        name = f"{last}:{name}" if name else last
    if not os.path.lexists(path):
        raise InputError(f"{kind}:{rest}: no such file or directory")
    return ImageSource(kind, path, name)


def most_bytes(packed: int) -> int:
    """How many bytes may come out of so many compressed ones."""
    return max(FREE_BYTES, MAX_RATIO * packed)


class ImageFiles(Protocol):
    """The files of a source."""

    def open(self, name: str) -> Readable:
        """A file by its name. Raises OSError; FileNotFoundError when there is none."""

    def close(self) -> None: ...


class FolderFiles:
    """Those in a folder."""

    def __init__(self, folder: str) -> None:
        os.listdir(folder)  # says why it cannot be read
        self._folder = folder

    def open(self, name: str) -> Readable:
        if name.startswith("/") or ".." in name.split("/"):
            raise OSError("it leads out of the folder")
        path = os.path.join(self._folder, name)
        file = open(path, "rb", buffering=0, opener=_without_waiting)  # noqa: SIM115
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.close()
            raise OSError(f"{name} is no file")
        return file

    def close(self) -> None:
        """Nothing is held open."""


def _without_waiting(path: str, flags: int) -> int:
    """Open a file; a pipe without a writer does not keep anybody waiting."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def _bounded(kind: type[tarfile.TarInfo]) -> type[tarfile.TarInfo]:
    """A kind of entry whose long names and records have at most `MAX_HEADER` bytes: `tarfile` reads them
    into memory at once, and searches them in quadratic time.
    """

    class Bounded(kind):  # type: ignore[valid-type, misc]
        @classmethod
        def frombuf(cls, buf: bytes, encoding: str, errors: str) -> tarfile.TarInfo:
            found: tarfile.TarInfo = super().frombuf(buf, encoding, errors)
            if found.type in b"LKxgX" and not 0 <= found.size <= MAX_HEADER:
                raise ValueError(f"it is damaged: a header of {found.size:,} bytes")
            return found

    return Bounded


class TarFiles:
    """Those in a tar file, which may be compressed with gzip, bzip2 or xz."""

    def __init__(self, path: str) -> None:
        import tarfile  # only who has images pays for it

        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            raise OSError("it is no file")
        most = most_bytes(found.st_size)
        try:
            self._tar = tarfile.open(path, tarinfo=_bounded(tarfile.TarInfo))  # noqa: SIM115
        except tarfile.ReadError:
            raise OSError("not a tar file, or damaged") from None
        self._members: dict[str, tarfile.TarInfo] = {}
        try:
            while (member := self._tar.next()) is not None:
                self._members[os.path.normpath(member.name)] = member
                if len(self._members) > MAX_MEMBERS:
                    raise OSError(f"it has more than {MAX_MEMBERS:,} files")
                if member.offset_data + member.size > most:
                    raise OSError(f"it unpacks to more than {most >> 20:,} MiB: refused")
        except BaseException:
            self._tar.close()
            raise

    def open(self, name: str) -> Readable:
        member = self._members.get(os.path.normpath(name))
        try:
            file = None if member is None else self._tar.extractfile(member)
        except (KeyError, RecursionError):
            raise FileNotFoundError(f"{name} is a link that leads nowhere") from None
        if file is None:
            raise FileNotFoundError(f"it has no file {name}")
        return file

    def close(self) -> None:
        self._tar.close()
