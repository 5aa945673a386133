"""An image in its archive: the configuration and the layers, each with the digest it is known by.

OCI image layouts (image-layout.md, manifest.md and image-index.md of the specification) and the archives of
`docker save` and `podman save`. Newer dockers write both into one file.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import platform
import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from expander.base.errors import InputError
from expander.base.named_tuple import NamedTuple
from expander.local.images.config import ImageConfig, image_config, layer_digests
from expander.local.images.source import FolderFiles, ImageFiles, ImageSource, Readable, TarFiles

MAX_DOCUMENT_BYTES: Final = 4 << 20
"""Bytes that a manifest or a configuration may have, as registries have it."""
MAX_NESTED: Final = 4
"""Indexes within indexes."""

_DIGEST: Final = re.compile(r"sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})")
_INDEXES: Final = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_NAMES: Final = ("org.opencontainers.image.ref.name", "io.containerd.image.name")
"""Annotations that name an image of a layout."""
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


class Layer(NamedTuple):
    """``file`` is its name in the archive; ``digest`` that of the file, where the archive has one, and
    ``diff_id`` that of the tar in it.
    """

    file: str
    digest: str | None
    diff_id: str


class ArchiveError(Exception):
    """The archive cannot be used; the message says why."""


@contextmanager
def damage_named(what: str) -> Iterator[None]:
    """Turn all that reading damaged data may raise into an `ArchiveError` about ``what``."""
    try:
        yield
    except RecursionError:
        raise ArchiveError(f"{what}: it is nested too deeply") from None
    except (tarfile.TarError, zlib.error, lzma.LZMAError, ValueError, OverflowError, EOFError) as error:
        raise ArchiveError(f"{what}: {error}") from error
    except OSError as error:
        raise ArchiveError(f"{what}: {error.strerror or error}") from error


def machine_architecture() -> str:
    """The architecture of this machine, as images name it."""
    return _ARCHITECTURES.get(platform.machine(), platform.machine())


class ImageArchive:
    """One image of a source, open for reading.

    ``id`` is the sha256 of its configuration, which names all the layers; ``names`` are those that the
    archive gives the image. Raises InputError when there is no such image.
    """

    def __init__(self, source: ImageSource) -> None:
        self.source = source
        self._files: ImageFiles | None = None
        try:
            with damage_named("it cannot be read"):
                self._files = (FolderFiles if source.is_folder else TarFiles)(source.path)
            docker = source.kind == "docker-archive" or (source.kind == "" and self._has("manifest.json"))
            config, self.names, files = self._docker() if docker else self._layout()
            self.id = hashlib.sha256(config).hexdigest()
            document = _document(config, "the configuration")
            with damage_named("the configuration"):
                self.config: ImageConfig = image_config(document)
                digests = layer_digests(document)
            if len(digests) != len(files):
                raise ArchiveError(f"the configuration has {len(digests)} layers, the manifest {len(files)}")
            self.layers = [Layer(*file, diff_id) for file, diff_id in zip(files, digests, strict=True)]
        except ArchiveError as error:
            self.close()
            raise self.refusal(error) from error

    def refusal(self, error: object) -> InputError:
        """An error about this archive."""
        return InputError(f"{self.source}: {error}")

    def open(self, layer: Layer) -> Readable:
        """The file of a layer. Raises OSError."""
        assert self._files is not None
        return self._files.open(layer.file)

    def close(self) -> None:
        """Close the archive."""
        if self._files is not None:
            self._files.close()

    def _has(self, name: str) -> bool:
        assert self._files is not None
        try:
            self._files.open(name).close()
        except OSError:
            return False
        return True

    def _read(self, name: str) -> bytes:
        assert self._files is not None
        with damage_named(name):
            file = self._files.open(name)
            try:
                data = file.read(MAX_DOCUMENT_BYTES + 1)
            finally:
                file.close()
            if len(data) > MAX_DOCUMENT_BYTES:
                raise ValueError(f"it has more than {MAX_DOCUMENT_BYTES:,} bytes")
            return data

    def _blob(self, descriptor: Any, what: str) -> bytes:
        """The document that a descriptor points to, if it is the one."""
        digest = _digest(descriptor, what)
        data = self._read(_blob_name(digest))
        if f"{digest.partition(':')[0]}:{_hash(digest, data)}" != digest:
            raise ArchiveError(f"{what} is damaged: its digest is not {digest}")
        return data

    def _layout(self) -> tuple[bytes, list[str], list[tuple[str, str | None]]]:
        """Configuration, names and layers of an image layout."""
        if not self._has("oci-layout"):
            raise ArchiveError(
                "it is no image: it has no oci-layout (an OCI layout) or manifest.json (docker save)"
            )
        layout = _document(self._read("oci-layout"), "oci-layout")
        version = layout.get("imageLayoutVersion")
        if not str(version).startswith("1."):
            raise ArchiveError(f"oci-layout: imageLayoutVersion is {version!r}, expected 1.0.0")
        descriptor = self._chosen(_document(self._read("index.json"), "index.json"))
        names = [name for key in _NAMES if (name := _annotation(descriptor, key))]
        for _ in range(MAX_NESTED):
            manifest = _document(self._blob(descriptor, "the manifest"), "the manifest")
            if "manifests" not in manifest and descriptor.get("mediaType") not in _INDEXES:
                break
            descriptor = _for_this_machine(_list_of(manifest, "manifests", "the index"))
        else:
            raise ArchiveError("its indexes are nested too deeply")
        layers = _list_of(manifest, "layers", "the manifest")
        digests = [_digest(each, "a layer") for each in layers]
        config = self._blob(manifest.get("config"), "the configuration")
        return config, names, [(_blob_name(digest), digest) for digest in digests]

    def _chosen(self, index: Mapping[str, Any]) -> Mapping[str, Any]:
        """The manifest in the index that the source names, or the only one."""
        found = _list_of(index, "manifests", "index.json")
        wanted = self.source.name
        if wanted:
            named = [each for each in found if wanted in (_annotation(each, key) for key in _NAMES)]
            if not named:
                raise ArchiveError(f"it has no image {wanted!r}{_known(map(_title, found))}")
            return named[0]
        if found and all(each.get("digest") == found[0].get("digest") for each in found):
            return found[0]
        if any("platform" in each for each in found):
            return _for_this_machine(found)
        count = f"it has {len(found)} images" if found else "it has no image"
        raise ArchiveError(f"{count}{_known(map(_title, found))}{'; specify :NAME' if found else ''}")

    def _docker(self) -> tuple[bytes, list[str], list[tuple[str, str | None]]]:
        """Configuration, names and layers in an archive of `docker save`."""
        found = _parsed(self._read("manifest.json"), "manifest.json")
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise ArchiveError("manifest.json: expected a list of objects")
        wanted = self.source.name
        images = [each for each in found if not wanted or wanted in _tags(each)]
        if len(images) != 1:
            known = _known(tag for each in found for tag in _tags(each))
            which = f"it has no image {wanted!r}" if wanted and not images else f"it has {len(images)} images"
            raise ArchiveError(f"{which}{known}{'; specify :NAME' if images else ''}")
        image = images[0]
        name, layers = image.get("Config"), image.get("Layers")
        if not isinstance(name, str) or not isinstance(layers, list):
            raise ArchiveError("manifest.json: expected Config and Layers")
        if not all(isinstance(each, str) for each in layers):
            raise ArchiveError("manifest.json: Layers: expected a list of file names")
        config = self._read(name)
        digest = re.search(r"(?:^|/)([0-9a-f]{64})(?:\.json)?$", name)
        if digest is not None and hashlib.sha256(config).hexdigest() != digest[1]:
            raise ArchiveError(f"the configuration is damaged: its digest is not sha256:{digest[1]}")
        return config, _tags(image), [(each, None) for each in layers]


def _parsed(data: bytes, what: str) -> Any:
    with damage_named(what):
        return json.loads(data)


def _document(data: bytes, what: str) -> dict[str, Any]:
    found = _parsed(data, what)
    if not isinstance(found, dict):
        raise ArchiveError(f"{what}: expected an object")
    return found


def _list_of(document: Mapping[str, Any], name: str, what: str) -> list[dict[str, Any]]:
    found = document.get(name)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ArchiveError(f"{what}: {name}: expected a list of objects")
    return found


def _digest(descriptor: Any, what: str) -> str:
    found = descriptor.get("digest") if isinstance(descriptor, dict) else None
    if not isinstance(found, str) or not _DIGEST.fullmatch(found):
        raise ArchiveError(f"{what}: digest {found!r} is not sha256:HEX")
    return found


def _blob_name(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _hash(digest: str, data: bytes) -> str:
    return hashlib.new(digest.partition(":")[0], data).hexdigest()


def _annotation(descriptor: Mapping[str, Any], key: str) -> str | None:
    found = (descriptor.get("annotations") or {}) if isinstance(descriptor, dict) else {}
    value = found.get(key) if isinstance(found, dict) else None
    return value if isinstance(value, str) else None


def _title(descriptor: Mapping[str, Any]) -> str | None:
    return next((name for key in _NAMES if (name := _annotation(descriptor, key))), None)


def _for_this_machine(manifests: list[dict[str, Any]]) -> dict[str, Any]:
    """The manifest for this machine among those for several."""
    mine = machine_architecture()
    offered = []
    for each in manifests:
        place = each.get("platform")
        if not isinstance(place, dict) or (place.get("os"), place.get("architecture")) == ("linux", mine):
            return each
        offered.append(f"{place.get('os')}/{place.get('architecture')}")
    raise ArchiveError(f"it has no image for linux/{mine}{_known(offered)}")


def _tags(image: Mapping[str, Any]) -> list[str]:
    found = image.get("RepoTags") or []
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []


def _known(names: Any) -> str:
    found = [*dict.fromkeys(filter(None, names))]
    return f"; there is {', '.join(found[:10])}{' ...' if len(found) > 10 else ''}" if found else ""
