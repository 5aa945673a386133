"""Layers, image layouts and archives of `docker save`, made for a test."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

TYPES = {
    "file": tarfile.REGTYPE,
    "folder": tarfile.DIRTYPE,
    "symlink": tarfile.SYMTYPE,
    "link": tarfile.LNKTYPE,
    "pipe": tarfile.FIFOTYPE,
    "device": tarfile.CHRTYPE,
}


def entry(name: str, content: str = "", *, kind: str = "file", to: str = "", **fields: Any) -> Any:
    """An entry of a layer; ``fields`` are those of `TarInfo`."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = TYPES[kind], to
    info.mode = 0o755 if kind == "folder" else 0o644
    data = content.encode()
    info.size = len(data) if kind == "file" else 0
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


def layer(*entries: Any) -> bytes:
    """The tar of these entries."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for info, data in entries:
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def files(**contents: str) -> bytes:
    """A layer of plain files by name."""
    return layer(*(entry(name, text) for name, text in contents.items()))


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def config(layers: Sequence[bytes], said: Mapping[str, Any] | None = None, **fields: Any) -> bytes:
    """The configuration of an image with these layers."""
    diff_ids = [f"sha256:{sha256(each)}" for each in layers]
    document = {"os": "linux", "config": said or {}, "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    return json.dumps(document | fields).encode()


class Layout:
    """An OCI image layout in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifests: list[dict[str, Any]] = []
        (folder / "blobs" / "sha256").mkdir(parents=True)
        (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

    def blob(self, data: bytes, **fields: Any) -> dict[str, Any]:
        """Add a blob; its descriptor."""
        (self.folder / "blobs" / "sha256" / sha256(data)).write_bytes(data)
        return {"digest": f"sha256:{sha256(data)}", "size": len(data), **fields}

    def add(
        self,
        layers: Sequence[bytes],
        name: str = "",
        *,
        zipped: bool = True,
        packing: Callable[[bytes], bytes] | None = None,
        **said: Any,
    ) -> dict[str, Any]:
        """Add an image; the descriptor of its manifest."""
        packing = packing or ((lambda data: gzip.compress(data, 1)) if zipped else bytes)
        packed = [packing(each) for each in layers]
        manifest = {
            "schemaVersion": 2,
            "config": self.blob(config(layers, said)),
            "layers": [self.blob(each) for each in packed],
        }
        found = self.blob(json.dumps(manifest).encode())
        if name:
            found["annotations"] = {"org.opencontainers.image.ref.name": name}
        self.manifests.append(found)
        self.write()
        return found

    def write(self) -> None:
        """Write the index."""
        (self.folder / "index.json").write_text(json.dumps({"manifests": self.manifests}))


def layout(folder: Path, *layers: bytes, **said: Any) -> str:
    """The source of a layout with one image of these layers."""
    Layout(folder).add(layers, **said)
    return f"oci:{folder}"


def docker_archive(file: Path, layers: Sequence[bytes], tags: Sequence[str] = ("app:1",), **said: Any) -> str:
    """The source of an archive as `docker save` writes it."""
    document = config(layers, said)
    names = [f"{sha256(each)}/layer.tar" for each in layers]
    image = {"Config": f"{sha256(document)}.json", "RepoTags": [*tags], "Layers": names}
    parts = [(image["Config"], document), *zip(names, layers, strict=True)]
    parts.append(("manifest.json", json.dumps([image]).encode()))
    with tarfile.open(file, "w") as tar:
        for name, data in parts:
            info = tarfile.TarInfo(str(name))
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return f"docker-archive:{file}"
