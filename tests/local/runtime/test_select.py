"""Which runtime is used, and the sentence about it."""

import resource
from pathlib import Path

import pytest

from expander.base.errors import UsageError
from expander.local.images.images import Images
from expander.local.images.store import canonical_image
from expander.local.runtime import bubblewrap, select
from expander.local.runtime.engine import EngineRuntime
from expander.local.runtime.process import ProcessRuntime
from expander.local.runtime.runtime import Launch, Mount
from expander.local.runtime.sandbox import SandboxRuntime

GOOD = bubblewrap.Bubblewrap("/bin/bwrap", "0.8.0", ())


def test_the_sandbox_is_best_where_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(select, "_bubblewrap", lambda: GOOD)
    runtime, sentence = select.select_runtime()
    assert isinstance(runtime, SandboxRuntime)
    assert sentence == "runtime sandbox (bubblewrap 0.8.0)"
    assert isinstance(select.select_runtime("best")[0], SandboxRuntime)


def test_without_bubblewrap_it_is_processes_and_the_reason_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(select, "_bubblewrap", lambda: "bubblewrap is not installed")
    runtime, sentence = select.select_runtime()
    assert isinstance(runtime, ProcessRuntime)
    assert "(bubblewrap is not installed)" in sentence
    for name, hints in ((None, True), ("process", False)):
        runtime, _ = select.select_runtime(name)
        assert isinstance(runtime, ProcessRuntime)
        caveat = runtime.caveat(Launch("k", ["true"], {}, "log", mounts=[Mount("/", "/not-here")])) or ""
        assert ("\n  hint: install bubblewrap (" in caveat) is hints
    with pytest.raises(UsageError, match="cannot be used: bubblewrap is not installed"):
        select.select_runtime("sandbox")
    with pytest.raises(UsageError, match="cannot be used: bubblewrap is not installed"):
        select.select_runtime(images={"a": "/a"})


def test_what_is_asked_for_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert isinstance(select.select_runtime("process")[0], ProcessRuntime)
    runtime, _ = select.select_runtime("docker")
    assert isinstance(runtime, EngineRuntime)
    assert (runtime.name, runtime.program) == ("docker", str(tmp_path / "docker"))
    with pytest.raises(UsageError, match="podman is not on PATH"):
        select.select_runtime("podman")


def test_docker_without_its_daemon_is_refused_in_its_own_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\necho no daemon at docker.sock >&2\nexit 1\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match=r"the docker runtime cannot be used: no daemon at docker\.sock"):
        select.select_runtime("docker")


def test_a_runtime_has_the_images_it_was_given_or_fetches_them() -> None:
    assert select.provides_image(SandboxRuntime(GOOD, {"a": "/a"}), "a")
    assert not select.provides_image(SandboxRuntime(GOOD, {"a": "/a"}), "b")
    assert select.provides_image(EngineRuntime("podman", "/podman"), "b")
    assert not select.provides_image(ProcessRuntime(), "b")


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown runtime 'warp'"):
        select.select_runtime("warp")
    with pytest.raises(UsageError, match="which the runtime process cannot use"):
        select.select_runtime("process", {"a": "/a"})


def test_a_bubblewrap_that_does_not_work_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "bwrap"
    program.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo bubblewrap 9.9 && exit\necho no rights >&2; exit 1\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr(bubblewrap, "_candidates", lambda: [str(program)])
    assert bubblewrap.find_bubblewrap.__wrapped__() == "bubblewrap does not work here (no rights)"
    monkeypatch.setattr(bubblewrap, "_candidates", list)
    assert bubblewrap.find_bubblewrap.__wrapped__() == "bubblewrap is not installed"


def test_a_bubblewrap_that_may_not_mount_proc_shares_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "bwrap"
    program.write_text('#!/bin/sh\ncase "$*" in *--version*) echo bubblewrap 9.9;; *--proc*) exit 1;; esac\n')
    program.chmod(0o755)
    monkeypatch.setattr(bubblewrap, "_candidates", lambda: [str(program)])
    found = bubblewrap.find_bubblewrap.__wrapped__()
    assert isinstance(found, bubblewrap.Bubblewrap)
    assert (found.version, found.wrappers) == ("9.9", 1)


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("busybox", "docker.io/library/busybox:latest"),
        ("busybox:1", "docker.io/library/busybox:1"),
        ("docker.io/busybox", "docker.io/library/busybox:latest"),
        ("bash/bash:5", "docker.io/bash/bash:5"),
        ("localhost/x", "localhost/x:latest"),
        ("host:5000/x", "host:5000/x:latest"),
        ("quay.io/a/b@sha256:0", "quay.io/a/b@sha256:0"),
    ],
)
def test_names_of_images_are_completed(name: str, full: str) -> None:
    assert canonical_image(name) == full


def test_an_image_is_found_by_any_of_its_names(tmp_path: Path) -> None:
    images = Images({"busybox": tmp_path}, None)
    assert images.root("docker.io/library/busybox:latest") == str(tmp_path)
    assert images.root("busybox:2") is None
    assert images.root("") is None


@pytest.mark.parametrize("name", [None, "sandbox"])
def test_too_few_open_files_for_a_sandbox_are_an_error_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch, name: str | None
) -> None:
    monkeypatch.setattr(select, "_bubblewrap", lambda: GOOD)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (102, hard))
        with pytest.raises(UsageError, match="needs at least 103 open files, and the limit is 102") as error:
            select.select_runtime(name)
        assert error.value.hint == "raise it (ulimit -n 1024), or use runtime='process'"
        assert isinstance(select.select_runtime("process")[0], ProcessRuntime)
        resource.setrlimit(resource.RLIMIT_NOFILE, (103, hard))
        assert isinstance(select.select_runtime(name)[0], SandboxRuntime)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
