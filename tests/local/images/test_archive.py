"""Images in their archives: which one is meant, what is damaged, and what is a trap."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import tarfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from expander.base.errors import InputError
from expander.local.images import source
from expander.local.images.archive import ImageArchive, machine_architecture
from expander.local.images.source import parse_source
from expander.local.images.store import ImageStore, StoredImage
from tests.local.images.archives import Layout, config, docker_archive, entry, files, layer, layout


def added(folder: Path, text: str) -> StoredImage:
    """The image of a source in a store of its own."""
    return ImageStore(folder / "store").add(text, lambda _: None)[0]


def refused(folder: Path, text: str) -> str:
    """Why a source is refused; nothing of it stays."""
    with pytest.raises(InputError) as raised:
        added(folder, text)
    for place in ("sha256", "partial"):
        with suppress(FileNotFoundError):
            assert os.listdir(folder / "store" / place) == []
    (problem,) = raised.value.problems
    assert "\n" not in problem.message
    return problem.message


def packed(folder: Path, file: Path, mode: str = "w") -> str:
    """The source of a layout in a tar file."""
    with tarfile.open(file, mode) as tar:  # type: ignore[call-overload]
        tar.add(folder, ".")
    return f"oci-archive:{file}"


def test_the_same_image_is_read_from_all_kinds_of_archives(tmp_path: Path) -> None:
    layers = [files(a="1"), files(b="2")]
    said: dict[str, Any] = {
        "Cmd": ["b"],
        "Env": ["A=1=2"],
        "User": "7",
        "WorkingDir": "/w",
        "Entrypoint": None,
    }
    plain = layout(tmp_path / "oci", *layers, **said)
    sources = [
        plain,
        layout(tmp_path / "plain", *layers, zipped=False, **said),
        packed(tmp_path / "oci", tmp_path / "oci.tar"),
        packed(tmp_path / "oci", tmp_path / "oci.tar.gz", "w:gz"),
        docker_archive(tmp_path / "docker.tar", layers, **said),
        str(tmp_path / "oci"),
        str(tmp_path / "oci.tar"),
        str(tmp_path / "docker.tar"),
    ]
    (tmp_path / "docker.tar.bz2").write_bytes(bz2.compress((tmp_path / "docker.tar").read_bytes()))
    sources.append(f"docker-archive:{tmp_path}/docker.tar.bz2")
    images = [added(tmp_path, each) for each in sources]
    assert len({image.id for image in images}) == 1
    image = images[0]
    assert (Path(image.root) / "a").read_text() + (Path(image.root) / "b").read_text() == "12"
    found = image.config
    assert (found.entrypoint, found.cmd, found.env) == ((), ("b",), {"A": "1=2"})
    assert (found.user, found.working_dir) == ("7", "/w")


def test_one_of_several_images_is_chosen_by_its_name(tmp_path: Path) -> None:
    made = Layout(tmp_path / "oci")
    for name in ("a:1", "b:2"):
        made.add([files(name=name)], name)
    image = added(tmp_path, f"oci:{tmp_path}/oci:b:2")
    assert (Path(image.root) / "name").read_text() == "b:2"
    where = f"oci:{tmp_path}/oci"
    message = refused(tmp_path / "x", where)
    assert message == f"{where}: it has 2 images; there is a:1, b:2; specify :NAME"
    assert refused(tmp_path / "x", f"{where}:c") == f"{where}:c: it has no image 'c'; there is a:1, b:2"


def test_of_an_index_for_several_machines_the_image_for_this_one_is_taken(tmp_path: Path) -> None:
    made = Layout(tmp_path / "oci")
    mine = made.add([files(name="mine")])
    other = made.add([files(name="other")])
    mine["platform"] = {"os": "linux", "architecture": machine_architecture()}
    other["platform"] = {"os": "linux", "architecture": "z80"}
    nested = made.blob(json.dumps({"manifests": [other, mine]}).encode())
    made.manifests = [nested | {"mediaType": "application/vnd.oci.image.index.v1+json"}]
    made.write()
    assert (Path(added(tmp_path, f"oci:{tmp_path}/oci").root) / "name").read_text() == "mine"
    made.manifests = [other, other | {"digest": mine["digest"]}]
    made.write()
    said = refused(tmp_path / "x", f"oci:{tmp_path}/oci")
    assert said.endswith(f"it has no image for linux/{machine_architecture()}; there is linux/z80")


def _cut(blob: Path) -> None:
    blob.write_bytes(blob.read_bytes()[:-9])


def _flip(blob: Path) -> None:
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 1
    blob.write_bytes(data)


@pytest.mark.parametrize("change", [_cut, _flip, Path.unlink, lambda blob: blob.write_bytes(b"")])
@pytest.mark.parametrize("size", ["smallest", "largest"])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_damaged_blob_is_refused_with_its_place(
    tmp_path: Path, change: Callable[[Path], Any], size: str, zipped: bool
) -> None:
    where = layout(tmp_path / "oci", files(a=os.urandom(3000).hex()), zipped=zipped)
    blobs = sorted((tmp_path / "oci" / "blobs" / "sha256").iterdir(), key=lambda each: each.stat().st_size)
    change(blobs[0 if size == "smallest" else -1])
    said = refused(tmp_path, where)
    what = "configuration" if size == "smallest" else "layer 1 of 1"
    assert said.startswith(f"{where}: ")
    assert what in said or "no such file" in said.lower()


def test_layers_that_are_swapped_are_refused(tmp_path: Path) -> None:
    made = Layout(tmp_path / "oci")
    manifest = made.add([files(a="1")])
    blob = tmp_path / "oci" / "blobs" / "sha256" / manifest["digest"].removeprefix("sha256:")
    document = json.loads(blob.read_bytes())
    document["layers"] = [made.blob(gzip.compress(files(a="2")))]
    made.manifests = [made.blob(json.dumps(document).encode())]
    made.write()
    assert "layer 1 of 1" in (said := refused(tmp_path, f"oci:{tmp_path}/oci"))
    assert "it is damaged: its digest is not sha256:" in said


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"Cmd": "sh"}, "config.Cmd: expected a list of strings"),
        ({"Env": ["A"]}, "config.Env: 'A' is not NAME=VALUE"),
        ({"Env": [7]}, "config.Env: expected a list of strings"),
        ({"Entrypoint": ["a\0b"]}, "config.Entrypoint: expected a list of strings"),
        ({"Cmd": ["\ud800"]}, "config.Cmd: expected a list of strings"),
        ({"User": 7}, "User: expected a string"),
        ({"WorkingDir": []}, None),
    ],
)
def test_a_configuration_that_says_nothing_sensible_names_its_field(
    tmp_path: Path, said: dict[str, Any], message: str | None
) -> None:
    where = layout(tmp_path / "oci", files(a="1"), **said)
    if message is None:
        added(tmp_path, where)
    else:
        assert refused(tmp_path, where) == f"{where}: the configuration: {message}"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("index.json", "[" * 100_000, "index.json: it is nested too deeply"),
        ("index.json", "{", "index.json: "),
        ("index.json", '{"manifests": [1]}', "index.json: manifests: expected a list of objects"),
        ("index.json", '{"manifests": []}', "it has no image"),
        ("index.json", '{"manifests": [{"digest": "sha256:../../x"}]}', "'sha256:../../x' is not sha256:HEX"),
        ("index.json", " " * (5 << 20), "index.json: it has more than 4,194,304 bytes"),
        ("oci-layout", '{"imageLayoutVersion": "2.0"}', "imageLayoutVersion is '2.0', expected 1.0.0"),
    ],
)
def test_documents_that_are_none_are_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    where = layout(tmp_path / "oci", files(a="1"))
    (tmp_path / "oci" / name).write_text(text)
    assert message in refused(tmp_path, where)


def test_paths_that_are_no_archives_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello" * 1000)
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    for text, said in [
        ("docker-archive:", "no such file or directory"),
        ("nothing", "no such file or directory"),
        (f"oci:{tmp_path}/none", f"oci:{tmp_path}/none: no such file or directory"),
        (f"oci:{tmp_path}/text", "Not a directory"),
        (f"docker-archive:{tmp_path}", "it is no file"),
        (f"docker-archive:{tmp_path}/pipe", "it is no file"),
        (f"docker-archive:{tmp_path}/text", "it cannot be read"),
        (f"docker-archive:{tmp_path}/empty", "it cannot be read"),
        (f"oci:{tmp_path}", "it is no image: it has no oci-layout"),
        (str(tmp_path), "it is no image: it has no oci-layout"),
    ]:
        assert said in refused(tmp_path, text)


def test_what_unpacks_to_far_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "FREE_BYTES", 1 << 20)
    bomb = layer(entry("zeros", "\0" * (8 << 20)))
    where = layout(tmp_path / "oci", bomb)
    assert refused(tmp_path, where).endswith("MiB: refused")
    docker_archive(tmp_path / "plain.tar", [bomb])
    (tmp_path / "zip.tar").write_bytes(gzip.compress((tmp_path / "plain.tar").read_bytes()))
    assert "unpacks to more than" in refused(tmp_path, f"docker-archive:{tmp_path}/zip.tar")
    added(tmp_path, f"docker-archive:{tmp_path}/plain.tar")


def test_a_layer_compressed_otherwise_is_refused_with_the_way_out(tmp_path: Path) -> None:
    where = docker_archive(tmp_path / "a.tar", [bz2.compress(files(a="1"))])
    assert "it is compressed with bzip2, which cannot be read (save it with gzip" in refused(tmp_path, where)


def test_links_in_an_archive_lead_to_files_of_it_alone(tmp_path: Path) -> None:
    """Older dockers write a layer once and links to it."""
    where = docker_archive(tmp_path / "a.tar", [files(a="1")])
    with tarfile.open(tmp_path / "a.tar") as tar:
        parts = [(each.name, tar.extractfile(each).read()) for each in tar]  # type: ignore[union-attr]
    for target, works in (("../real.tar", True), ("../x/layer.tar", False), ("/etc/passwd", False)):
        with tarfile.open(tmp_path / "a.tar", "w") as tar:
            for name, data in parts:
                info = tarfile.TarInfo(name)
                if name.endswith("layer.tar"):
                    info.type, info.linkname = tarfile.SYMTYPE, target
                    tar.addfile(info)
                    info = tarfile.TarInfo("real.tar")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        if works:
            added(tmp_path, where)
        else:
            assert "layer 1 of 1" in refused(tmp_path / "x", where)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_changed_byte_and_any_cut_is_refused_or_makes_no_difference(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("any")
    where = docker_archive(folder / "a.tar", [files(a="1"), layer(entry("d/e", "2"))])
    whole = (folder / "a.tar").read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        (folder / "a.tar").write_bytes(whole[:at])
    else:
        (folder / "a.tar").write_bytes(whole[:at] + bytes([data.draw(st.integers(0, 255))]) + whole[at + 1 :])
    try:
        image = added(folder, where)
    except InputError:
        return
    root = Path(image.root)
    assert (root / "a").read_text() + (root / "d" / "e").read_text() == "12"


def test_a_manifest_that_is_a_link_to_nowhere_or_to_itself_is_refused(tmp_path: Path) -> None:
    for target in ("nope", "manifest.json", "/etc/passwd"):
        file = tmp_path / "a.tar"
        file.write_bytes(layer(entry("manifest.json", kind="symlink", to=target)))
        for text in (str(file), f"docker-archive:{file}"):
            refused(tmp_path, text)


@pytest.mark.parametrize("digest", [{}, [], None, 1])
def test_a_digest_of_another_type_is_refused(tmp_path: Path, digest: Any) -> None:
    made = Layout(tmp_path / "oci")
    made.manifests.append({"digest": digest})
    made.write()
    assert "sha256:HEX" in refused(tmp_path, f"oci:{made.folder}")


def test_a_compressed_archive_that_is_damaged_in_the_middle_is_refused(tmp_path: Path) -> None:
    docker_archive(tmp_path / "a.tar", [files(a=os.urandom(30_000).hex())])
    whole = (tmp_path / "a.tar").read_bytes()
    for data in (gzip.compress(whole), bz2.compress(whole), lzma.compress(whole)):
        for place in range(1_000, len(data), len(data) // 8):
            (tmp_path / "b").write_bytes(data[:place] + b"\xff" * 40 + data[place + 40 :])
            refused(tmp_path, str(tmp_path / "b"))


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE])
@pytest.mark.parametrize("size", [200_000, 1 << 50])
def test_headers_that_fill_memory_or_take_minutes_are_refused(tmp_path: Path, kind: bytes, size: int) -> None:
    """`tarfile` reads them whole, and searches their digits in quadratic time."""
    info = tarfile.TarInfo("x")
    info.type, info.size = kind, size
    data = info.tobuf(tarfile.GNU_FORMAT) + b"1" * 200_192 + layer(entry("a"))
    (tmp_path / "a.tar").write_bytes(data)
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(data, 1))
    for text in (str(tmp_path / "a.tar"), str(tmp_path / "a.tar.gz"), layout(tmp_path / "oci", data)):
        assert "header" in refused(tmp_path, text)


def test_a_manifest_in_a_folder_names_no_files_outside_of_it(tmp_path: Path) -> None:
    document, data = config([files(a="1")]), files(a="1")
    (tmp_path / "config.json").write_bytes(document)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "layer.tar").write_bytes(data)
    for name in ("../config.json", str(tmp_path / "config.json")):
        image = {"Config": name, "RepoTags": ["a:1"], "Layers": ["layer.tar"]}
        (tmp_path / "in" / "manifest.json").write_text(json.dumps([image]))
        assert refused(tmp_path, str(tmp_path / "in")).endswith("it leads out of the folder")


def test_names_come_from_the_archive(tmp_path: Path) -> None:
    where = docker_archive(tmp_path / "a.tar", [files(a="1")], ["app:1", "app:2"])
    assert _names(where) == ["app:1", "app:2"]
    Layout(tmp_path / "oci").add([files(a="1")], "app:3")
    assert _names(f"oci:{tmp_path}/oci") == ["app:3"]


def _names(where: str) -> list[str]:
    archive = ImageArchive(parse_source(where))
    archive.close()
    return archive.names
