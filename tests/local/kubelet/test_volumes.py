"""What volumes hold, and where containers see it."""

import os
import stat
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from expander.base.state_dir import remove_tree
from expander.local.kubelet import pod_files
from expander.local.kubelet.node import VolumeError
from expander.local.kubelet.projected_files import ProjectedFile, safe_parts, write_files
from expander.local.kubelet.volumes import disk_usage, safe_join
from tests.local.kubelet.world import World, container, pod


def mounted(world: World, volume: dict[str, Any], **mount: Any) -> Path:
    """The source of the only mount of a pod with this volume."""
    part = container(volumeMounts=[{"name": "v", "mountPath": "/data", **mount}])
    uid = world.start(pod(part, volumes=[{"name": "v", **volume}]))
    found = next(one for one in world.launch(uid, "main").mounts if one.target == "/data")
    return Path(found.source)


def refused(world: World, volume: dict[str, Any]) -> str:
    """Why a pod with this volume waits."""
    part = container(volumeMounts=[{"name": "v", "mountPath": "/data"}])
    uid = world.start(pod(part, volumes=[{"name": "v", **volume}]))
    assert world.statuses[uid]["phase"] == "Pending"
    assert world.container(uid, "main")["state"] == {"waiting": {"reason": "ContainerCreating"}}
    assert world.condition(uid, "PodReadyToStartContainers")[0] == "False"
    (event,) = world.events(uid)
    assert event[0] == "FailedMount"
    return event[1]


def test_an_empty_dir_is_for_every_user_and_gone_with_the_pod(world: World) -> None:
    parts = [container(name, volumeMounts=[{"name": "v", "mountPath": "/data"}]) for name in ("a", "b")]
    uid = world.start(pod(*parts, volumes=[{"name": "v", "emptyDir": {}}]))
    folder = Path(world.launch(uid, "a").mounts[0].source)
    assert world.launch(uid, "b").mounts[0].source == str(folder)
    assert folder.stat().st_mode & 0o777 == 0o777
    (folder / "file").write_text("x")
    world.end(uid, "a")
    assert folder.exists()
    world.end(uid, "b")
    assert not folder.exists()
    assert not any((world.folder / "pods").iterdir())


def test_an_empty_dir_keeps_its_files_when_a_container_restarts(world: World) -> None:
    part = container(volumeMounts=[{"name": "v", "mountPath": "/data"}])
    uid = world.start(pod(part, volumes=[{"name": "v", "emptyDir": {}}], restart="OnFailure"))
    file = Path(world.launch(uid, "main").mounts[0].source) / "file"
    file.write_text("x")
    world.end(uid, "main", 1)
    assert file.read_text() == "x"


def test_an_empty_dir_in_memory_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_files, "SHARED_MEMORY", tmp_path / "shm")
    (tmp_path / "shm").mkdir()
    world = World(tmp_path / "state", isolates=True)
    folder = mounted(world, {"emptyDir": {"medium": "Memory"}})
    assert folder.is_relative_to(tmp_path / "shm")
    world.kubelet.stop(folder.parent.name, world.now)
    world.end(folder.parent.name, "main")
    assert not folder.parent.exists()


def test_removing_a_volume_does_not_follow_links(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    volume = tmp_path / "volume"
    volume.mkdir()
    (volume / "link").symlink_to(outside)
    remove_tree(str(volume))
    assert (outside / "kept").exists()
    assert not volume.exists()


def test_a_config_map_becomes_files(world: World) -> None:
    binary = b64encode(b"\xff").decode()
    world.objects["ConfigMap", "team", "c"] = {"data": {"a": "1"}, "binaryData": {"b": binary}}
    folder = mounted(world, {"configMap": {"name": "c", "defaultMode": 0o440}})
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"a": b"1", "b": b"\xff"}
    assert (folder / "a").stat().st_mode & 0o777 == 0o440


def test_items_choose_keys_paths_and_modes(world: World) -> None:
    world.objects["Secret", "team", "s"] = {"data": {"a": b64encode(b"1").decode(), "b": ""}}
    items = [{"key": "a", "path": "deep/er/file", "mode": 0o400}]
    folder = mounted(world, {"secret": {"secretName": "s", "items": items}})
    assert [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()] == ["deep/er/file"]
    assert (folder / "deep/er/file").stat().st_mode & 0o777 == 0o400


def test_written_volumes_are_read_only(world: World) -> None:
    world.objects["ConfigMap", "team", "c"] = {"data": {"a": "1"}}
    parts = container(volumeMounts=[{"name": "v", "mountPath": "/data"}, {"name": "e", "mountPath": "/e"}])
    uid = world.start(
        pod(parts, volumes=[{"name": "v", "configMap": {"name": "c"}}, {"name": "e", "emptyDir": {}}])
    )
    assert [(one.target, one.read_only) for one in world.launch(uid, "main").mounts] == [
        ("/data", True),
        ("/e", False),
        ("/dev/termination-log", False),
    ]


def test_the_downward_api_becomes_files(world: World) -> None:
    part = container(resources={"limits": {"cpu": "2"}}, volumeMounts=[{"name": "v", "mountPath": "/d"}])
    items: list[dict[str, Any]] = [
        {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
        {"path": "cpu", "resourceFieldRef": {"containerName": "main", "resource": "limits.cpu"}},
    ]
    uid = world.start(pod(part, volumes=[{"name": "v", "downwardAPI": {"items": items}}]))
    folder = Path(world.launch(uid, "main").mounts[0].source)
    assert {path.name: path.read_text() for path in folder.iterdir()} == {"labels": 'app="demo"', "cpu": "2"}


def test_a_projected_volume_joins_its_sources(world: World) -> None:
    world.objects["ConfigMap", "team", "c"] = {"data": {"a": "1", "b": "1"}}
    world.objects["Secret", "team", "s"] = {"stringData": {"b": "2"}}
    name = {"path": "name/space", "fieldRef": {"fieldPath": "metadata.namespace"}}
    sources: list[dict[str, Any]] = [
        {"configMap": {"name": "c"}},
        {"secret": {"name": "s"}},
        {"secret": {"name": "none", "optional": True}},
        {"downwardAPI": {"items": [name]}},
    ]
    folder = mounted(world, {"projected": {"sources": sources, "defaultMode": 0o600}})
    assert (folder / "a").read_text() == "1"
    assert (folder / "b").read_text() == "2"
    assert (folder / "name/space").read_text() == "team"
    assert (folder / "b").stat().st_mode & 0o777 == 0o600


def test_a_volume_that_cannot_be_filled_is_named(world: World) -> None:
    world.objects["ConfigMap", "team", "c"] = {"data": {}}
    world.objects["Secret", "team", "s"] = {"data": {}}
    start = 'MountVolume.SetUp failed for volume "v" : '
    items = [{"key": "k", "path": "p"}]
    assert refused(world, {"configMap": {"name": "none"}}) == start + 'configmap "none" not found'
    assert (
        refused(world, {"configMap": {"name": "c", "items": items}})
        == start + "configmap references non-existent config key: k"
    )
    assert (
        refused(world, {"secret": {"secretName": "s", "items": items}})
        == start + "references non-existent secret key: k"
    )
    assert refused(world, {"nfs": {"server": "s", "path": "/"}}).startswith(start + "a volume of nfs cannot")
    assert refused(world, {"persistentVolumeClaim": {"claimName": "p"}}).startswith(
        start + 'persistentvolumeclaim "p" not found'
    )


def test_a_pod_starts_once_its_volume_can_be_filled(world: World) -> None:
    volume = {"name": "v", "configMap": {"name": "c"}}
    uid = world.start(pod(container(), volumes=[volume]))
    world.objects["ConfigMap", "team", "c"] = {"data": {"a": "1"}}
    world.step(5)
    assert world.statuses[uid]["phase"] == "Running"


def test_a_claim_is_the_folder_that_was_given_for_it(tmp_path: Path) -> None:
    claims = {"mine": tmp_path / "any", "team/mine": tmp_path / "ours", "other": tmp_path / "other"}
    world = World(tmp_path / "state", isolates=True, claims=claims)
    assert mounted(world, {"persistentVolumeClaim": {"claimName": "mine"}}) == tmp_path / "ours"
    assert mounted(world, {"persistentVolumeClaim": {"claimName": "other"}}) == tmp_path / "other"
    assert (tmp_path / "ours").is_dir()


@pytest.mark.parametrize(
    ("kind", "path", "works"),
    [
        ("", "file", True),
        ("Directory", "folder", True),
        ("Directory", "file", False),
        ("Directory", "none", False),
        ("DirectoryOrCreate", "none", True),
        ("File", "file", True),
        ("File", "folder", False),
        ("FileOrCreate", "none", True),
        ("Socket", "file", False),
        ("CharDevice", "/dev/null", True),
        ("BlockDevice", "/dev/null", False),
    ],
)
def test_a_host_path_is_of_the_type_that_was_asked_for(
    world: World, tmp_path: Path, kind: str, path: str, works: bool
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    where = str(tmp_path / path)
    volume = {"hostPath": {"path": where, "type": kind}}
    if works:
        assert mounted(world, volume) == Path(where)
        assert Path(where).is_file() == (kind in ("", "File", "FileOrCreate"))
    else:
        assert f"hostPath type check failed: {where} is not a" in refused(world, volume)


def test_a_sub_path_is_made_below_the_volume(world: World) -> None:
    folder = mounted(world, {"emptyDir": {}}, subPath="a/b")
    assert folder.is_dir()
    assert folder.parts[-3:] == ("v", "a", "b")


def test_a_sub_path_may_name_a_file_and_use_variables(world: World) -> None:
    world.objects["ConfigMap", "team", "c"] = {"data": {"main.conf": "1"}}
    part = container(
        env=[{"name": "WHO", "value": "main"}],
        volumeMounts=[{"name": "v", "mountPath": "/etc/x.conf", "subPathExpr": "$(WHO).conf"}],
    )
    uid = world.start(pod(part, volumes=[{"name": "v", "configMap": {"name": "c"}}]))
    assert Path(world.launch(uid, "main").mounts[0].source).read_text() == "1"


@pytest.mark.parametrize(
    ("mount", "message"),
    [
        ({"subPath": "../out"}, 'failed to prepare subPath for volumeMount "v" of container "main"'),
        ({"subPath": "link"}, 'failed to prepare subPath for volumeMount "v" of container "main"'),
        ({"subPath": "link/deeper"}, 'failed to prepare subPath for volumeMount "v" of container "main"'),
        ({"subPathExpr": "$(NOBODY)"}, 'missing value for "NOBODY"'),
    ],
)
def test_a_sub_path_never_leads_out_of_its_volume(
    tmp_path: Path, mount: dict[str, str], message: str
) -> None:
    (tmp_path / "claim").mkdir()
    (tmp_path / "claim" / "link").symlink_to(tmp_path)
    world = World(tmp_path / "state", isolates=True, claims={"p": tmp_path / "claim"})
    part = container(volumeMounts=[{"name": "v", "mountPath": "/data", **mount}])
    uid = world.start(pod(part, volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "p"}}]))
    waiting = world.container(uid, "main")["state"]["waiting"]
    assert waiting == {"reason": "CreateContainerConfigError", "message": message}


def test_mounts_come_outer_ones_first(world: World) -> None:
    mounts = [
        {"name": "v", "mountPath": "/a/b/c"},
        {"name": "v", "mountPath": "/a"},
        {"name": "v", "mountPath": "z/"},
    ]
    uid = world.start(pod(container(volumeMounts=mounts), volumes=[{"name": "v", "emptyDir": {}}]))
    targets = [one.target for one in world.launch(uid, "main").mounts]
    assert targets[:3] == ["/a", "/z", "/a/b/c"]


@pytest.mark.parametrize("path", ["/abs", "../up", "a/../../up", "", ".", "a\0b"])
def test_a_path_that_could_lead_out_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(VolumeError, match="must be relative"):
        safe_parts(path)
    with pytest.raises(VolumeError):
        write_files(str(tmp_path), {path: ProjectedFile(b"x", 0o644)})
    assert list(tmp_path.iterdir()) == []


def test_files_are_not_written_through_links(tmp_path: Path) -> None:
    (tmp_path / "volume").mkdir()
    (tmp_path / "volume" / "link").symlink_to(tmp_path)
    (tmp_path / "target").write_text("old")
    (tmp_path / "volume" / "file").symlink_to(tmp_path / "target")
    with pytest.raises(VolumeError, match="goes through a link"):
        write_files(str(tmp_path / "volume"), {"link/target": ProjectedFile(b"new", 0o644)})
    write_files(str(tmp_path / "volume"), {"file": ProjectedFile(b"new", 0o644)})
    assert (tmp_path / "target").read_text() == "old"
    assert (tmp_path / "volume" / "file").read_text() == "new"


def test_a_link_inside_a_volume_may_be_used(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert safe_join(str(tmp_path), "link", make=True) == str(tmp_path / "real")


def test_the_size_of_a_folder_counts_links_not_what_they_lead_to(tmp_path: Path) -> None:
    (tmp_path / "volume" / "deep").mkdir(parents=True)
    (tmp_path / "large").write_bytes(b"x" * (1 << 20))
    before = disk_usage(str(tmp_path / "volume"))
    (tmp_path / "volume" / "deep" / "link").symlink_to(tmp_path / "large")
    (tmp_path / "volume" / "deep" / "small").write_bytes(os.urandom(8192))
    assert 8192 <= disk_usage(str(tmp_path / "volume")) - before < 1 << 20


def test_a_pod_whose_volume_grows_too_large_is_evicted(world: World) -> None:
    part = container(volumeMounts=[{"name": "v", "mountPath": "/data"}])
    uid = world.start(pod(part, volumes=[{"name": "v", "emptyDir": {"sizeLimit": "1Mi"}}]))
    file = Path(world.launch(uid, "main").mounts[0].source) / "file"
    file.write_bytes(os.urandom(1 << 19))
    world.step(10)
    assert world.signalled(uid) == []
    file.write_bytes(os.urandom(1 << 21))
    world.step(10)
    assert [name for name, _ in world.signalled(uid)] == ["main"]
    world.end(uid, "main", None, 15)
    status = world.statuses[uid]
    assert (status["phase"], status["reason"]) == ("Failed", "Evicted")
    assert status["message"] == 'Usage of EmptyDir volume "v" exceeds the limit "1Mi". '


def test_what_earlier_runs_left_can_be_swept(world: World) -> None:
    part = container(volumeMounts=[{"name": "v", "mountPath": "/data"}])
    uid = world.start(pod(part, volumes=[{"name": "v", "emptyDir": {}}]))
    ours = Path(world.launch(uid, "main").mounts[0].source)
    (world.folder / "pods" / "team_old_uid-0" / "v").mkdir(parents=True)
    world.kubelet.sweep()
    assert [path.name for path in (world.folder / "pods").iterdir()] == [ours.parent.name]


def test_a_pod_that_is_started_anew_does_not_find_old_files(world: World) -> None:
    part = container(volumeMounts=[{"name": "v", "mountPath": "/data"}])
    one = pod(part, volumes=[{"name": "v", "emptyDir": {}}])
    name = f"team_{one['metadata']['name']}_{one['metadata']['uid']}"
    left = world.folder / "pods" / name / "v" / "old"
    left.parent.mkdir(parents=True)
    left.touch()
    world.start(one)
    assert left.parent.is_dir()
    assert not left.exists()


@pytest.mark.parametrize("umask", [0, 0o077])
def test_the_files_of_a_volume_are_its_own_with_their_modes_whatever_the_umask(
    tmp_path: Path, umask: int
) -> None:
    large = ProjectedFile(b"x" * 20_000, 0o644)
    previous = os.umask(umask)
    try:
        for name in ("one", "two"):
            write_files(str(tmp_path / name), {"a/large": large})
    finally:
        os.umask(previous)
    for name in ("one", "two"):
        file = tmp_path / name / "a" / "large"
        assert [stat.S_IMODE(each.stat().st_mode) for each in (file, file.parent)] == [0o644, 0o755]
        assert file.stat().st_nlink == 1


@pytest.mark.parametrize("umask", [0, 0o077])
def test_what_is_kept_of_pods_is_private_and_volumes_are_open_inside(tmp_path: Path, umask: int) -> None:
    previous = os.umask(umask)
    try:
        folders = pod_files.PodFolders(tmp_path / "state")
        folders.make()
        files = folders.of(pod())
        paths = [files.volume("v"), files.volume("m", in_memory=True)]
    finally:
        os.umask(previous)
    try:
        for path in paths:
            for above in list(Path(path).parents)[:2]:
                assert stat.S_IMODE(above.stat().st_mode) == 0o700
        for folder in (tmp_path / "state", tmp_path / "state" / "logs"):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        files.let_others_pass()
        assert {stat.S_IMODE(Path(path).parent.stat().st_mode) for path in paths} == {0o711}
    finally:
        files.remove_volumes()


def test_a_token_for_a_short_time_is_written_anew_in_time(world: World) -> None:
    issued: list[tuple[str, int]] = []

    def issue(pod: Any, audience: str, seconds: int) -> str:
        issued.append((audience, seconds))
        return f"token {len(issued)}"

    world.access.issue = issue
    source = {"serviceAccountToken": {"audience": "vault", "expirationSeconds": 1000, "path": "token"}}
    folder = mounted(world, {"projected": {"sources": [source]}})
    world.step(799)
    assert (folder / "token").read_text() == "token 1"
    world.step(2)
    assert (folder / "token").read_text() == "token 2"
    assert issued == [("vault", 1000)] * 2


def test_without_an_api_server_there_are_no_tokens(world: World) -> None:
    source = {"serviceAccountToken": {"path": "token"}}
    assert "needs an API server" in refused(world, {"projected": {"sources": [source]}})


def test_volumes_follow_their_objects_and_the_pods_labels(world: World) -> None:
    world.objects["ConfigMap", "team", "c"] = {"data": {"a": "1", "b": "2"}}
    labels = {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}}
    one = pod(
        container(volumeMounts=[{"name": "v", "mountPath": "/data"}]),
        volumes=[{"name": "v", "projected": {"sources": [{"configMap": {"name": "c"}}, labels]}}],
    )
    uid = world.start(one)
    folder = Path(world.launch(uid, "main").mounts[0].source)
    world.objects["ConfigMap", "team", "c"] = {"data": {"a": "new"}}
    world.kubelet.sources_changed({("ConfigMap", "other", "c"), ("Secret", "team", "c")})
    world.step()
    assert (folder / "a").read_text() == "1"
    world.kubelet.sources_changed({("ConfigMap", "team", "c")})
    world.step()
    assert {each.name: each.read_text() for each in folder.iterdir()} == {"a": "new", "labels": 'app="demo"'}
    world.kubelet.update({**one, "metadata": {**one["metadata"], "labels": {"app": "other"}}})
    world.step()
    assert (folder / "labels").read_text() == 'app="other"'
    del world.objects["ConfigMap", "team", "c"]
    world.kubelet.sources_changed({("ConfigMap", "team", "c")})
    world.step()
    assert (folder / "a").read_text() == "new"
    assert world.events(uid)[-1] == ("FailedMount", 'configmap "c" not found')
