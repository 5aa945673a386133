"""The images that containers are started with, by name: those a user gives, then those imported."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from expander.base.dataclass import dataclass
from expander.base.errors import InputError
from expander.base.option_names import option
from expander.local.images.config import ImageConfig
from expander.local.images.source import is_source
from expander.local.images.store import ImageStore, StoredImage, canonical_image


@dataclass(frozen=True, slots=True)
class LocalImage:
    """The files of an image below ``root``, what it says of itself, and the digest of that as kubelets tell
    it; a folder says nothing and has none.
    """

    root: str
    config: ImageConfig | None = None
    id: str = ""


class Images:
    """Root file systems by image name. An image without one is this machine's own files.

    ``given`` are folders or sources (``docker-archive:FILE``) by name; the latter are there after `prepare`.
    ``store`` has the others.
    """

    def __init__(self, given: Mapping[str, Path | str] | None, store: ImageStore | None) -> None:
        named = {canonical_image(name): str(place) for name, place in (given or {}).items()}
        self._sources = {name: place for name, place in named.items() if is_source(place)}
        self._images = {
            name: LocalImage(str(Path(place).resolve()))
            for name, place in named.items()
            if name not in self._sources
        }
        self._store = store

    def prepare(self, note: Callable[[str], None]) -> None:
        """Look for those that are folders, unpack those that are in archives; ``note`` hears what takes long.

        Raises InputError for one that cannot be used and for names that cannot be read, OutputError when
        there is no room.
        """
        if self._store is not None:
            self._store.check()
        for folder in (image.root for image in self._images.values()):
            if not os.path.isdir(folder):
                there = os.path.lexists(folder)
                raise InputError(
                    f"{folder}: {'not a folder' if there else 'no such file or directory'}",
                    hint=f"{option('--image')} takes NAME=DIR, or the kind of archive too: "
                    "NAME=docker-archive:FILE",
                )
        for name, source in self._sources.items():
            assert self._store is not None
            image, _ = self._store.add(source, note)
            self._images[name] = _local(image)

    def find(self, image: str) -> LocalImage | None:
        """The image of that name, if it has files of its own."""
        if not image:
            return None
        name = canonical_image(image)
        if (given := self._images.get(name)) is not None or name in self._sources:
            return given
        imported = None if self._store is None else self._store.named(name)
        return None if imported is None else _local(imported)

    def release(self, used: Collection[str]) -> None:
        """No pod uses imported images other than those with these digests and names: they may be removed."""
        if self._store is not None:
            given = (each.id for each in self._images.values())
            ids = {each.partition(":")[2] for each in (*used, *given)}
            self._store.release(ids, map(canonical_image, used))

    def root(self, image: str) -> str | None:
        """The folder that is the root of ``image``, or None."""
        found = self.find(image)
        return None if found is None else found.root


def _local(image: StoredImage) -> LocalImage:
    return LocalImage(image.root, image.config, f"sha256:{image.id}")
