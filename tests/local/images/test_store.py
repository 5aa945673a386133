"""The store: once for each image, whole or not at all, whoever else is at work."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from expander.base.errors import InputError, OutputError, UsageError
from expander.base.state_dir import remove_tree
from expander.local.images.images import Images
from expander.local.images.store import ImageStore, images_folder
from expander.local.runtime.bubblewrap import Bubblewrap
from expander.local.runtime.runtime import CannotStart, Launch
from expander.local.runtime.sandbox import SandboxRuntime
from tests.local.images.archives import docker_archive, files, layout

ADD = """
import sys
from pathlib import Path
from expander.local.images.store import ImageStore
store = ImageStore(Path(sys.argv[1]))
image, _ = store.add(sys.argv[2], lambda note: print(note, flush=True))
print(image.id, flush=True)
sys.stdin.read()
"""


def adder(store: Path, text: str) -> subprocess.Popen[str]:
    """A process that adds an image and keeps it until its stdin ends."""
    command = [sys.executable, "-c", ADD, str(store), text]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_an_image_is_unpacked_once(tmp_path: Path) -> None:
    where, notes = layout(tmp_path / "oci", files(a="1")), list[str]()
    first, _ = ImageStore(tmp_path / "store").add(where, notes.append)
    os.utime(Path(first.root) / "a", (7, 7))
    again, _ = ImageStore(tmp_path / "store").add(where, notes.append)
    assert again == first
    assert (Path(first.root) / "a").stat().st_mtime == 7
    assert notes == [f"unpacking {where}, 1 layer"]
    assert (tmp_path / "store").stat().st_mode & 0o777 == 0o700


def test_of_two_processes_at_once_one_unpacks_and_both_have_it(tmp_path: Path) -> None:
    where = layout(tmp_path / "oci", *(files(**{f"f{n}": "1" * 1000}) for n in range(40)))
    both = [adder(tmp_path / "store", where) for _ in range(2)]
    outputs = [process.communicate()[0].split("\n") for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert outputs[0][-2] == outputs[1][-2]
    assert sum(line.startswith("unpacking") for lines in outputs for line in lines) == 1
    (image,) = ImageStore(tmp_path / "store").all()
    assert len(os.listdir(image.root)) == 40


def test_what_a_killed_process_has_left_is_cleared_away(tmp_path: Path) -> None:
    where = layout(tmp_path / "oci", files(a="1"))
    for image_id in ("0" * 64, json.loads(_index_id(tmp_path / "oci"))):
        left = tmp_path / "store" / "partial" / image_id / "rootfs"
        left.mkdir(parents=True)
        (left / "half").write_text("x")
        (left / "closed").mkdir(mode=0o000)
    image, _ = ImageStore(tmp_path / "store").add(where, lambda _: None)
    assert os.listdir(image.root) == ["a"]
    assert os.listdir(tmp_path / "store" / "partial") == []


def _index_id(folder: Path) -> str:
    """The id of the only image of a layout, as JSON."""
    index = json.loads((folder / "index.json").read_bytes())
    blobs = folder / "blobs" / "sha256"
    manifest = json.loads((blobs / index["manifests"][0]["digest"][7:]).read_bytes())
    return json.dumps(manifest["config"]["digest"][7:])


def test_kill_9_at_any_moment_leaves_a_whole_image_or_none(tmp_path: Path) -> None:
    where = layout(
        tmp_path / "oci", *(files(**{f"f{n}_{m}": "1" * 10 for m in range(60)}) for n in range(20))
    )
    store = tmp_path / "store"
    for _ in range(int(os.environ.get("EXPANDER_KILLS", "2"))):
        process = adder(store, where)
        assert process.stdout is not None
        assert process.stdout.readline().startswith("unpacking")
        time.sleep(int.from_bytes(os.urandom(1)) / 255 * 0.1)  # any moment will do
        process.send_signal(signal.SIGKILL)
        process.communicate()
        for image in ImageStore(store).all():
            assert len(os.listdir(image.root)) == 1200
            ImageStore(store).remove(image.id)
    image, _ = ImageStore(store).add(where, lambda _: None)
    assert len(os.listdir(image.root)) == 1200
    assert os.listdir(store / "partial") == []


def test_a_full_disk_is_one_clear_error_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = layout(tmp_path / "oci", files(a="1"))

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("expander.local.images.layers.os.write", full)
        with pytest.raises(OutputError, match=f"images cannot be kept in {tmp_path}/store: No space left"):
            ImageStore(tmp_path / "store").add(where, lambda _: None)
    assert os.listdir(tmp_path / "store" / "partial") == []
    ImageStore(tmp_path / "store").add(where, lambda _: None)


def test_a_folder_that_cannot_be_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("")
    with pytest.raises(OutputError, match="images cannot be kept in"):
        ImageStore(tmp_path / "store").add(layout(tmp_path / "oci", files(a="1")), lambda _: None)


def test_imported_images_are_found_by_any_form_of_their_names(tmp_path: Path) -> None:
    writer, reader = ImageStore(tmp_path / "store"), ImageStore(tmp_path / "store")
    images = Images({"own": tmp_path}, reader)
    assert images.find("app:1") is None
    image, names = writer.add(docker_archive(tmp_path / "a.tar", [files(a="1")]), lambda _: None)
    writer.name(names, image)
    found = images.find("docker.io/library/app:1")
    assert found is not None
    assert (found.root, found.config) == (image.root, image.config)
    assert images.find("app:2") is images.find("") is None
    assert images.root("own:latest") == str(tmp_path)


def test_a_server_gives_an_image_back_that_no_pod_uses(tmp_path: Path) -> None:
    store = ImageStore(tmp_path / "store")
    for name in ("a", "b"):
        image, _ = store.add(docker_archive(tmp_path / f"{name}.tar", [files(a=name)]), lambda _: None)
        store.name([f"{name}:1"], image)
    images = Images({}, ImageStore(tmp_path / "store"))
    found = images.find("a:1")
    assert found is not None
    assert images.find("b:1") is not None
    store.release((), ())
    for used in ({found.id}, {"a:1"}):
        images.release(used)
        with pytest.raises(InputError, match="image a:1 is in use"):
            store.remove("a:1")
    store.remove("b:1")
    images.release(set())
    store.remove("a:1")
    assert store.all() == []


def test_an_image_goes_with_its_last_name_unless_it_is_in_use(tmp_path: Path) -> None:
    store = ImageStore(tmp_path / "store")
    where = docker_archive(tmp_path / "a.tar", [files(a="1")])
    user = adder(tmp_path / "store", where)
    assert user.stdout is not None
    lines = [user.stdout.readline(), user.stdout.readline()]
    image = store.all()[0]
    assert lines[1].strip() == image.id
    store.name(["a:1", "a:2"], image)
    store.remove("a:1")
    assert store.all()[0].names == ("docker.io/library/a:2",)
    for text in ("a:2", image.id[:6], f"sha256:{image.id}"):
        with pytest.raises(InputError, match=f"image {text} is in use"):
            ImageStore(tmp_path / "store").remove(text)
    assert store.all() == [store.all()[0]]
    user.communicate()
    ImageStore(tmp_path / "store").remove("a:2")
    assert store.all() == []
    assert Images({}, ImageStore(tmp_path / "store")).find("a:2") is None
    with pytest.raises(InputError, match="no image 'a:2'"):
        store.remove("a:2")


def test_an_image_loses_its_names_before_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no name leads nowhere after kill -9, and nobody who looks for one waits meanwhile."""
    store, seen = ImageStore(tmp_path / "store"), list[object]()
    adder(tmp_path / "store", layout(tmp_path / "oci", files(a="1"))).communicate()
    store.name(["a:1"], store.all()[0])

    def look(path: str) -> None:
        seen.append(ImageStore(tmp_path / "store").named("docker.io/library/a:1"))
        remove_tree(path)

    monkeypatch.setattr("expander.local.images.store.remove_tree", look)
    store.remove("a:1")
    assert seen == [None, None]


def test_who_waits_for_an_image_says_so_and_a_server_does_not_wait(tmp_path: Path) -> None:
    store, notes = ImageStore(tmp_path / "store"), list[str]()
    where = layout(tmp_path / "oci", files(a="1"))
    adder(tmp_path / "store", where).communicate()
    image = store.all()[0]
    store.name(["a:1"], image)
    lock = os.open(tmp_path / "store" / "locks" / image.id, os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    found = store.named("docker.io/library/a:1")
    assert found is not None
    assert not os.path.isdir(found.root)

    def note(text: str) -> None:
        notes.append(text)
        os.close(lock)

    store.add(where, note)
    assert notes == [f"waiting for another process that unpacks {where}"]


def test_the_beginning_of_an_id_must_be_that_of_one_image(tmp_path: Path) -> None:
    store = ImageStore(tmp_path / "store")
    for number in range(17):
        store.add(layout(tmp_path / str(number), files(a=str(number))), lambda _: None)
    first = [image.id[0] for image in store.all()]
    twice = next(each for each in first if first.count(each) > 1)
    with pytest.raises(UsageError, match=f"{twice!r} is the beginning of {first.count(twice)} images"):
        store.remove(twice)


def test_images_are_kept_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("EXPANDER_IMAGES", raising=False)
    assert images_folder() == tmp_path / "home" / ".cache" / "expander" / "images"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert images_folder() == tmp_path / "cache" / "expander" / "images"
    monkeypatch.setenv("EXPANDER_IMAGES", str(tmp_path / "own"))
    assert images_folder() == tmp_path / "own"


@pytest.mark.parametrize("text", ["{", "[]", ""])
def test_damaged_names_are_one_clear_error(tmp_path: Path, text: str) -> None:
    store = ImageStore(tmp_path / "store")
    where = docker_archive(tmp_path / "a.tar", [files(a="1")])
    image, names = store.add(where, lambda _: None)
    store.name(names, image)
    images = Images({}, store)
    assert images.root("app:1") == image.root
    (tmp_path / "store" / "names.json").write_text(text)
    assert images.root("app:1") == image.root, "what runs goes on"
    with pytest.raises(InputError, match=r"names.json cannot be read"):
        Images({}, ImageStore(tmp_path / "store")).prepare(lambda _: None)


def test_an_image_whose_files_were_taken_away_is_not_replaced_by_this_machine(tmp_path: Path) -> None:
    store = ImageStore(tmp_path / "store")
    image, names = store.add(docker_archive(tmp_path / "a.tar", [files(a="1")]), lambda _: None)
    store.name(names, image)
    shutil.rmtree(Path(image.root).parent)
    runtime = SandboxRuntime(Bubblewrap("bwrap", "0.11", ()))
    runtime.images = Images({}, store)
    with pytest.raises(CannotStart, match="the files of image app:1 are gone or damaged"):
        runtime.command(Launch("k", ["true"], {}, "/log", image="app:1"))
