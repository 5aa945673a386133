"""Images unpacked on this machine, by the digest of their configuration, and the names of those imported.

    sha256/ID/rootfs      the files of an image; beside it image.json, its configuration
    partial/ID            one that is being unpacked
    locks/ID              held exclusively by who unpacks or removes it, shared by who uses it
    names.json            the names of imported images

An image is renamed into its place when all of it is there and both digests of each layer were right, so what
is in place is whole. Whoever gets the lock of an image finds in ``partial`` only what a killed process left.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from expander.base.dataclass import dataclass
from expander.base.errors import InputError, OutputError, UsageError
from expander.base.state_dir import make_private, remove_tree, replace_file
from expander.base.text import counted
from expander.base.xdg import user_folder
from expander.local.images.config import ImageConfig

if TYPE_CHECKING:
    from expander.local.images.archive import ImageArchive

VARIABLE: Final = "EXPANDER_IMAGES"
"""The environment variable with the folder of the store."""


def images_folder() -> Path:
    """The folder of images: ``$EXPANDER_IMAGES``, or in the user's cache."""
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen).absolute()
    return Path(user_folder("XDG_CACHE_HOME"), "images").absolute()


@lru_cache(maxsize=256)
def canonical_image(image: str) -> str:
    """The full name of an image: ``busybox`` is ``docker.io/library/busybox:latest``."""
    name, _, digest = image.partition("@")
    first, slash, _ = name.partition("/")
    if not slash:
        name = f"docker.io/library/{name}"
    elif first == "docker.io" and name.count("/") == 1:
        name = name.replace("/", "/library/")
    elif "." not in first and ":" not in first and first != "localhost":
        name = f"docker.io/{name}"
    if digest:
        return f"{name}@{digest}"
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image of the store. ``size`` is the bytes of its files, ``unpacked`` when that was (Unix seconds);
    ``names`` are those it was imported as.
    """

    id: str
    root: str
    config: ImageConfig
    size: int
    unpacked: float
    names: tuple[str, ...] = ()


class ImageStore:
    """The images in ``folder``. What it hands out stays until it is released, or the process ends."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or images_folder()
        self._names_file = self.folder / "names.json"
        self._held: dict[str, int] = {}
        """Files with locks on images that are in use."""
        self._known: tuple[int, dict[str, str]] = (0, {})
        """The names as they were at that time of change of their file."""

    def add(self, text: str, note: Callable[[str], None]) -> tuple[StoredImage, list[str]]:
        """The image that a source names, unpacked unless it is there; and its names in the archive.

        ``note`` hears what takes long. Raises InputError for a source that cannot be used, OutputError when
        there is no room for it.
        """
        from expander.local.images.archive import ImageArchive, machine_architecture
        from expander.local.images.source import parse_source

        archive = ImageArchive(parse_source(text))
        try:
            with self._writing():
                self._hold(archive, note)
            if (made := archive.config.architecture) not in ("", machine_architecture()):
                note(f"{text} is for {made}, and this machine is {machine_architecture()}")
            return self._read(archive.id, ()), archive.names
        finally:
            archive.close()

    def named(self, full_name: str) -> StoredImage | None:
        """The image that was imported as this, if any; it is in use from now on.

        One whose files were taken away has a root that is no folder. Names that became unreadable since
        `check` are as they were.
        """
        with suppress(InputError):
            self.check()
        image_id = self._known[1].get(full_name)
        if image_id is None:
            return None
        try:
            self._share(image_id)
            return self._read(image_id, (full_name,))
        except (OSError, ValueError):
            gone = self.folder / "sha256" / image_id / "image.json"
            return StoredImage(image_id, str(gone), ImageConfig(), 0, 0.0)

    def release(self, used: Container[str], names: Iterable[str]) -> None:
        """Let others remove the images whose ids are not ``used``, nor those of these full names."""
        named = {self._known[1].get(name) for name in names}
        for image_id in [each for each in self._held if each not in used and each not in named]:
            os.close(self._held.pop(image_id))

    def check(self) -> None:
        """Read the names, if they have changed. Raises InputError when they cannot be read."""
        try:
            changed = os.stat(self._names_file).st_mtime_ns
        except OSError:
            changed = 0
        if changed != self._known[0]:
            self._known = changed, self._names()

    def all(self) -> list[StoredImage]:
        """All images, those that were unpacked last first."""
        names = self._names()
        images = []
        with suppress(FileNotFoundError):
            for image_id in os.listdir(self.folder / "sha256"):
                own = tuple(sorted(name for name, other in names.items() if other == image_id))
                with suppress(OSError, ValueError):
                    images.append(self._read(image_id, own))
        return sorted(images, key=lambda image: (-image.unpacked, image.id))

    def name(self, names: list[str], image: StoredImage) -> None:
        """Give an image these names; what had one of them before has it no more."""
        with self._writing(), self._naming() as known:
            known |= {canonical_image(name): image.id for name in names}

    def remove(self, text: str) -> StoredImage:
        """Remove an image by a name, or by its id or the beginning of that; its files go with its last name.

        Raises InputError when there is none, or it is in use.
        """
        image = self._find(text)
        names = {name for name in image.names if name == canonical_image(text)} or {*image.names}
        with self._writing():
            if names == {*image.names}:
                self._delete(image, text)
            else:
                self._forget(names, image.id)
        return image

    def _forget(self, names: Iterable[str], image_id: str) -> None:
        """Take away those of these names that the image has."""
        with self._naming() as known:
            for name in [name for name in names if known.get(name) == image_id]:
                del known[name]

    def _find(self, text: str) -> StoredImage:
        full, short = canonical_image(text), text.removeprefix("sha256:")
        found = [image for image in self.all() if full in image.names]
        found = found or [image for image in self.all() if short and image.id.startswith(short)]
        if not found:
            raise InputError(f"no image {text!r}", hint="expander image list shows those there are")
        if len(found) > 1:
            raise UsageError(f"{text!r} is the beginning of {counted(len(found), 'image')}")
        return found[0]

    def _delete(self, image: StoredImage, text: str) -> None:
        lock = self._lock_file(image.id)
        try:
            if not _try_lock(lock):
                raise InputError(f"image {text} is in use", hint="wait for the run or server that uses it")
            place, gone = (self.folder / kind / image.id for kind in ("sha256", "partial"))
            if not place.is_dir():
                raise InputError(f"image {text} was removed by another process")
            self._forget(self._names(), image.id)  # first: no name leads to files that go
            remove_tree(str(gone))
            make_private(gone.parent)
            os.rename(place, gone)
            remove_tree(str(gone))
        finally:
            os.close(lock)

    def _hold(self, archive: ImageArchive, note: Callable[[str], None]) -> None:
        """Unpack an image unless it is there, and hold it."""
        place = self.folder / "sha256" / archive.id

        def wait() -> None:
            note(f"waiting for another process that unpacks {archive.source}")

        self._share(archive.id, wait)
        while not place.is_dir():
            lock = self._held.pop(archive.id)
            try:
                if not _try_lock(lock):
                    wait()
                    fcntl.flock(lock, fcntl.LOCK_EX)
                if not place.is_dir():
                    self._sweep()
                    self._unpack(archive, place, note)
            finally:
                os.close(lock)
            self._share(archive.id, wait)

    def _unpack(self, archive: ImageArchive, place: Path, note: Callable[[str], None]) -> None:
        from expander.local.images.unpack import unpack

        note(f"unpacking {archive.source}, {counted(len(archive.layers), 'layer')}")
        partial = self.folder / "partial" / archive.id
        remove_tree(str(partial))
        make_private(partial)
        try:
            os.mkdir(partial / "rootfs", 0o700)
            size = unpack(archive, str(partial / "rootfs"))
            fields = {name: getattr(archive.config, name) for name in ImageConfig.__dataclass_fields__}
            record = {"config": fields, "size": size, "unpacked": time.time()}
            (partial / "image.json").write_text(json.dumps(record))
            make_private(place.parent)
            os.rename(partial, place)
        finally:
            remove_tree(str(partial))

    def _sweep(self) -> None:
        """Remove what killed processes have left of other images."""
        with suppress(FileNotFoundError):
            for image_id in os.listdir(self.folder / "partial"):
                lock = self._lock_file(image_id)
                if _try_lock(lock):
                    remove_tree(str(self.folder / "partial" / image_id))
                os.close(lock)

    def _share(self, image_id: str, wait: Callable[[], None] | None = None) -> None:
        """Keep an image from being removed while this process lives.

        While another process unpacks or removes it, call ``wait`` and wait; without it raise
        BlockingIOError.
        """
        if image_id in self._held:
            return
        lock = self._lock_file(image_id)
        if not _try_lock(lock, fcntl.LOCK_SH):
            if wait is None:
                os.close(lock)
                raise BlockingIOError(image_id)
            wait()
            fcntl.flock(lock, fcntl.LOCK_SH)
        self._held[image_id] = lock

    def _lock_file(self, image_id: str) -> int:
        make_private(self.folder / "locks")
        return os.open(self.folder / "locks" / image_id, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _read(self, image_id: str, names: tuple[str, ...]) -> StoredImage:
        """An image that is there. Raises OSError, and ValueError when its record is damaged."""
        place = self.folder / "sha256" / image_id
        record = json.loads((place / "image.json").read_bytes())
        try:
            fields = {**record["config"]}
            for name in ("entrypoint", "cmd"):
                fields[name] = tuple(fields[name])
            config = ImageConfig(**fields)
            root = str(place / "rootfs")
            return StoredImage(image_id, root, config, record["size"], record["unpacked"], names)
        except (KeyError, TypeError) as error:
            raise ValueError(f"{place}/image.json is damaged") from error

    def _names(self) -> dict[str, str]:
        path = self._names_file
        try:
            found = json.loads(path.read_bytes())
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise InputError(f"{path} cannot be read: {error}") from error
        if not isinstance(found, dict):
            raise InputError(f"{path} cannot be read: expected an object")
        return {str(name): str(image_id) for name, image_id in found.items()}

    @contextmanager
    def _naming(self) -> Iterator[dict[str, str]]:
        """The names, to be changed by nobody else meanwhile."""
        lock = self._lock_file("names")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = self._names()
            yield known
            replace_file(self._names_file, json.dumps(known, indent=1).encode())
        finally:
            os.close(lock)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Turn what the disk refuses into an OutputError."""
        try:
            yield
        except OSError as error:
            raise OutputError(f"images cannot be kept in {self.folder}: {error.strerror}") from error


def _try_lock(lock: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
