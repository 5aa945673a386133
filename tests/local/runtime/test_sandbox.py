"""What a container sees in the sandbox."""

import os
import signal
from pathlib import Path

import pytest

from expander.local.runtime import sandbox
from expander.local.runtime.bubblewrap import Bubblewrap
from expander.local.runtime.runtime import Launch, Mount
from expander.local.runtime.sandbox import SandboxRuntime
from tests.local.runtime.running import Bench, bench, marked

REFUSED = "unable to start container process: "


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """A volume with one file in it."""
    folder = tmp_path / "volume"
    folder.mkdir()
    (folder / "file").write_text("text\n")
    folder.chmod(0o777)
    return folder


@pytest.mark.parametrize(
    "target",
    [
        "/input",
        "/input/deep/er",
        "/usr/local/data/x",
        "/var/run/secrets/k8s",
        "/tmp/here",
        "/etc",
        "/dev/shm",
    ],
)
def test_a_mount_is_where_the_container_wants_it(boxed: Bench, volume: Path, target: str) -> None:
    script = f"cat {target}/file && echo more > {target}/new && ls /usr >/dev/null"
    end, log = boxed.run("sh", "-c", script, mounts=[Mount(str(volume), target)])
    assert (end.code, log) == (0, "text\n")
    assert (volume / "new").read_text() == "more\n"
    if target not in ("/etc", "/dev/shm"):
        assert not os.path.exists(target)


@pytest.mark.parametrize("name", ["echo", "/bin/echo"])
def test_an_argument_that_is_too_long_is_the_refusal_of_the_container_s_command(
    boxed: Bench, name: str
) -> None:
    end, log = boxed.run(name, "x" * 200_000)
    assert (end.code, log.endswith("/echo: argument list too long\n"), log[:6]) == (255, True, "exec /")


def test_several_mounts_at_new_places_and_within_each_other(boxed: Bench, volume: Path) -> None:
    inner = volume.parent / "inner"
    inner.mkdir()
    (inner / "deep").write_text("deep\n")
    mounts = [
        Mount(str(inner), "/a/volume/sub"),
        Mount(str(volume), "/a/volume"),
        Mount(str(inner), "/b/c"),
        Mount(str(inner / "deep"), "/usr/share/new-file"),
        Mount(str(inner / "deep"), "/etc/passwd"),
    ]
    script = "cat /a/volume/file /a/volume/sub/deep /b/c/deep /usr/share/new-file /etc/passwd; ls /usr/share | wc -l"
    _, log = boxed.run("sh", "-c", script, mounts=mounts)
    lines = log.splitlines()
    assert lines[:5] == ["text", "deep", "deep", "deep", "deep"]
    assert int(lines[5]) == len(os.listdir("/usr/share")) + 1


def test_a_read_only_mount_cannot_be_written(boxed: Bench, volume: Path) -> None:
    script = "exec 2>&1; cat /input/file; echo x > /input/file || echo refused"
    _, log = boxed.run("sh", "-c", script, mounts=[Mount(str(volume), "/input", True)])
    assert log.splitlines()[0] == "text"
    assert log.splitlines()[-1] == "refused"


@pytest.mark.parametrize("user", [None, *([0, 12345] if os.geteuid() == 0 else [])])
def test_paths_that_kubernetes_masks_are_empty_and_none_that_it_protects_can_be_written(
    boxed: Bench, user: int | None
) -> None:
    masked = " ".join(sandbox.MASKED_PATHS)
    protected = " ".join(sandbox.READ_ONLY_PATHS)
    script = f"""
    for p in {masked}; do
        if [ -d $p ]; then [ -z "$(ls -A $p)" ] || echo full $p; fi
        if [ -f $p ]; then [ -z "$(head -c 1 $p)" ] || echo full $p; fi
    done
    for p in $(find {protected} -maxdepth 3 -type f 2>/dev/null | head -300); do
        (: >> $p) 2>/dev/null && echo writable $p
    done
    for p in {masked} {protected}; do
        [ ! -d $p ] || ! (: > $p/x) 2>/dev/null || echo writable $p
    done
    umount /proc/sys 2>/dev/null && echo unmounted
    mount -o remount,rw /proc/sys 2>/dev/null && echo remounted
    echo end"""
    end, output = boxed.run("sh", "-c", script, user=user)
    assert (end.exit_code, output) == (0, "end\n")


def test_everything_else_of_this_machine_is_read_only(boxed: Bench, volume: Path) -> None:
    places = "/usr /etc / /var /new"
    script = f"for d in {places}; do touch $d/x 2>/dev/null && echo wrote $d; done; echo end"
    assert boxed.run("sh", "-c", script)[1] == "end\n"
    assert boxed.run("sh", "-c", script, mounts=[Mount(str(volume), "/new/place")])[1] == "end\n"


def test_tmp_is_private_and_writable_by_all(boxed: Bench, volume: Path) -> None:
    script = "ls -A /tmp; stat -c %a /tmp; echo x > /tmp/file; echo y > /dev/null; ls /tmp"
    assert boxed.run("sh", "-c", script)[1] == "1777\nfile\n"
    assert boxed.run("sh", "-c", "ls -A /tmp")[1] == ""
    assert boxed.run("ls", "/tmp", tmp=str(volume))[1] == "file\n"


def test_the_host_name_and_hosts_are_the_pods(boxed: Bench) -> None:
    hosts = {"job-0.svc": "127.0.0.5", "job-0": "127.0.0.5", "job-1.svc": "127.0.0.6", "home": "127.0.0.1"}
    script = "hostname; cat /etc/hostname; cat /etc/hosts; stat -c %a /etc/hosts"
    _, log = boxed.run("sh", "-c", script, hostname="job-0", hosts=hosts)
    lines = log.splitlines()
    assert lines[:2] == ["job-0", "job-0"]
    assert lines[3:] == [
        "127.0.0.1\tlocalhost home",
        "127.0.0.5\tjob-0.svc job-0",
        "127.0.0.6\tjob-1.svc",
        "::1\tlocalhost ip6-localhost ip6-loopback",
        "644",
    ]


def test_a_hosts_file_that_is_mounted_goes_first_and_may_change_later(boxed: Bench, tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("first\n")
    script = "cat /etc/hosts; while ! grep -q second /etc/hosts; do sleep 0.05; done; echo seen"
    key = boxed.launch(
        "sh", "-c", script, hosts={"a": "127.0.0.9"}, mounts=[Mount(str(hosts), "/etc/hosts", True)]
    )
    boxed.written(key, "first")
    hosts.write_text("second\n")
    assert boxed.end(key).code == 0
    assert boxed.output(key) == "first\nseen\n"


def test_the_working_directory_is_made_if_it_is_not_there(boxed: Bench, volume: Path) -> None:
    for cwd in ("/new/work", "/tmp/new/work", "/tmp"):
        assert boxed.run("sh", "-c", "pwd; touch file; ls", cwd=cwd)[1] == f"{cwd}\nfile\n"
    mounts = [Mount(str(volume), "/input")]
    assert boxed.run("sh", "-c", "pwd; ls", cwd="/input", mounts=mounts)[1] == "/input\nfile\n"
    assert boxed.run("pwd", cwd="/input/new/work", mounts=mounts)[1] == "/input/new/work\n"
    assert (volume / "new" / "work").is_dir()
    assert boxed.run("pwd")[1] == "/\n"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("no-such-command", "executable file not found in $PATH"),
        ("/no/such", "stat /no/such: no such file or directory"),
        ("/tmp/x", "stat /tmp/x: no such file or directory"),
        ("/input/file", "permission denied"),
        ("/input/none", "stat /input/none: no such file or directory"),
        ("/input", "is a directory"),
    ],
)
def test_a_command_that_cannot_be_run_is_a_start_error(
    boxed: Bench, volume: Path, path: str, reason: str
) -> None:
    end, log = boxed.run(path, mounts=[Mount(str(volume), "/input")])
    assert (end.error, end.reason, log) == (f'{REFUSED}exec: "{path}": {reason}', "StartError", "")


def test_a_command_from_a_volume_is_found(boxed: Bench, volume: Path) -> None:
    program = volume / "program"
    program.write_text("#!/bin/sh\necho hello\n")
    program.chmod(0o755)
    mounts = [Mount(str(volume), "/opt/tools")]
    env = {"PATH": "/opt/tools:/usr/bin:/bin"}
    assert boxed.run("program", mounts=mounts, env=env)[1] == "hello\n"
    assert boxed.run("/opt/tools/program", mounts=mounts)[1] == "hello\n"
    assert boxed.run("./program", mounts=mounts, cwd="/opt/tools")[1] == "hello\n"


def test_a_mount_that_cannot_be_made_is_a_start_error(boxed: Bench, volume: Path) -> None:
    end, _ = boxed.run("true", mounts=[Mount(str(volume / "none"), "/input")])
    assert end.error is not None
    assert end.error.endswith("none: no such file or directory")
    end, _ = boxed.run("true", mounts=[Mount(str(volume), "/etc/passwd")])
    assert end.error is not None
    assert "not a directory" in end.error


def test_exit_codes_and_signals_come_through(boxed: Bench) -> None:
    assert boxed.run("sh", "-c", "exit 7")[0].exit_code == 7
    assert boxed.run("sh", "-c", "kill -9 $$")[0].exit_code == 137
    assert boxed.run("sh", "-c", "kill -TERM $$")[0].exit_code == 143


def test_a_container_may_take_its_time_to_terminate(boxed: Bench) -> None:
    script = "trap 'sleep 0.3; echo clean; exit 5' TERM; echo up; sleep 300 & wait"
    for whole in (True, False):
        key = boxed.launch("sh", "-c", script)
        boxed.written(key, "up")
        boxed.supervisor.signal(key, signal.SIGTERM, whole=whole)
        assert boxed.end(key).code == 5
        assert boxed.output(key) == "up\nclean\n"


def test_a_kill_leaves_nothing(boxed: Bench) -> None:
    mark = f"mark-{os.getpid()}-sandbox"
    key = boxed.launch("sh", "-c", "setsid sleep 300 & echo up; sleep 300", env={"MARK": mark})
    boxed.written(key, "up")
    boxed.supervisor.signal(key, signal.SIGKILL)
    assert boxed.end(key).exit_code == 137
    assert marked(mark) == []


def test_the_environment_is_the_containers_own(boxed: Bench) -> None:
    env = {"PATH": "/usr/bin:/bin", "HOME": "/h", "LD_LIBRARY_PATH": "/no/where", "A": "1 2"}
    _, log = boxed.run("env", env=env)
    assert dict(line.split("=", 1) for line in log.splitlines()) == {**env, "PWD": "/"}


def test_the_user_is_the_one_asked_for(boxed: Bench, volume: Path) -> None:
    script = "id -u; id -g; touch /input/mine /tmp/mine && stat -c '%u %g' /tmp/mine"
    _, log = boxed.run("sh", "-c", script, user=1234, group=2345, mounts=[Mount(str(volume), "/input")])
    assert log == "1234\n2345\n1234 2345\n"


def test_folders_on_the_way_to_a_mount_can_be_passed_by_all(boxed: Bench, volume: Path) -> None:
    mounts = [Mount(str(volume), "/a/b/c"), Mount(str(volume), "/usr/local/x/y")]
    script = "stat -c %a /a /a/b /usr/local /usr/local/x; cat /a/b/c/file"
    _, log = boxed.run("sh", "-c", script, user=1234, mounts=mounts)
    assert log == "755\n755\n755\n755\ntext\n"


def test_root_has_no_more_rights_than_in_an_ordinary_container(boxed: Bench) -> None:
    _, log = boxed.run("grep", "CapEff", "/proc/self/status")
    assert int(log.split()[1], 16) & ~0xA80425FB == 0


def test_an_image_with_a_folder_is_that_folder(tmp_path: Path, wrap: Bubblewrap, volume: Path) -> None:
    root = tmp_path / "root"
    (root / "bin").mkdir(parents=True)
    (root / "etc").mkdir()
    for name in ("usr", "lib", "lib64"):
        (root / name).symlink_to(f"/host/{name}")
    (root / "bin" / "hello").write_text("#!/host/bin/sh\necho hello\n")
    (root / "bin" / "hello").chmod(0o755)
    runtime = SandboxRuntime(wrap, {"tool:1": root})
    launch = Launch("k", ["hello"], {}, "log", image="tool:1", mounts=[Mount(str(volume), "/input")])
    assert runtime.caveat(launch) is None
    assert runtime.caveat(Launch("k", ["hello"], {}, "log", image="other")) is not None
    with bench(tmp_path, runtime) as made:
        host = Mount("/", "/host", True)
        end, log = made.run(
            "hello", image="docker.io/library/tool:1", mounts=[host], hosts={"a": "127.0.0.2"}
        )
        assert (end.code, log) == (0, "hello\n")
        assert made.run("sh", image="tool:1", mounts=[host], env={"PATH": "/bin"})[0].reason == "StartError"
        _, log = made.run("sh", "-c", "ls /bin/hello 2>/dev/null || echo this machine")
        assert log == "this machine\n"


def test_a_memory_limit_holds_in_the_sandbox(boxed: Bench) -> None:
    script = "a=xxxxxxxxxxxxxxxx; while :; do a=$a$a; done"
    end, _ = boxed.run("sh", "-c", script, memory=64 << 20)
    assert (end.oom, end.exit_code) == (True, 137)


@pytest.mark.parametrize("path", ["/\0", "/a\0b", "/" + "x" * 5000, "/" + "x/" * 3000])
def test_a_path_that_cannot_be_is_an_end_that_says_so(boxed: Bench, volume: Path, path: str) -> None:
    end, _ = boxed.run("true", cwd=path)
    assert end.error or end.code
    end, _ = boxed.run("true", mounts=[Mount(str(volume), path)])
    assert end.error or end.code
    end, _ = boxed.run(path)
    assert end.error or end.code
