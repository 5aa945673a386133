"""One container as a plain process: what it sees, how its end is told."""

import os
import pwd
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from expander.local.runtime import identity
from expander.local.runtime.process import ProcessRuntime, host_path, mount_variable
from expander.local.runtime.runtime import CannotStart, Launch, Mount
from tests.local.runtime.running import Bench, bench

REFUSED = "unable to start container process: "


def test_the_exit_code_is_told_as_it_is(plain: Bench) -> None:
    end, _ = plain.run("sh", "-c", "exit 42")
    assert (end.code, end.signal, end.exit_code, end.reason) == (42, None, 42, "Error")
    assert end.started <= end.finished


def test_success_is_completed(plain: Bench) -> None:
    end, _ = plain.run("true")
    assert (end.exit_code, end.reason, end.lost) == (0, "Completed", False)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_signal_becomes_128_and_its_number(plain: Bench, number: signal.Signals) -> None:
    end, _ = plain.run("sh", "-c", f"kill -{int(number)} $$")
    assert (end.code, end.signal, end.exit_code) == (None, number, 128 + number)


def test_a_command_that_is_not_there_is_a_start_error(plain: Bench) -> None:
    end, _ = plain.run("no-such-command")
    assert end.error == REFUSED + 'exec: "no-such-command": executable file not found in $PATH'
    assert (end.code, end.signal, end.exit_code, end.reason) == (None, None, 128, "StartError")


def test_no_command_at_all_is_a_start_error(plain: Bench) -> None:
    end, _ = plain.run()
    assert end.error == REFUSED + "no command specified"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/no/such/file", "stat /no/such/file: no such file or directory"),
        ("/etc/passwd", "permission denied"),
        ("/etc", "is a directory"),
    ],
)
def test_a_path_that_cannot_be_run_says_why(plain: Bench, path: str, reason: str) -> None:
    end, _ = plain.run(path)
    assert end.error == REFUSED + f'exec: "{path}": {reason}'


@pytest.mark.parametrize(
    ("text", "reason"),
    [("no program\n", "exec format error"), ("#!/no/such/shell\n", "no such file or directory")],
)
def test_a_file_the_kernel_refuses_says_so_in_the_log(plain: Bench, text: str, reason: str) -> None:
    script = plain.folder / "script"
    script.write_text(text)
    script.chmod(0o755)
    end, log = plain.run(str(script))
    assert (end.code, log) == (255, f"exec {script}: {reason}\n")


@pytest.mark.parametrize("word", ["a\0b", "\ud800"])
def test_an_argument_no_process_can_have_is_a_start_error(plain: Bench, word: str) -> None:
    end, _ = plain.run("echo", word)
    assert end.reason == "StartError"


def test_too_many_arguments_are_the_kernels_refusal(plain: Bench) -> None:
    end, log = plain.run("/bin/echo", *["x" * 100_000] * 100)
    assert (end.code, log) == (255, "exec /bin/echo: argument list too long\n")


@pytest.mark.parametrize(
    "fields", [{"user": 2**40}, {"env": {"A": 1}}, {"env": {"A=B": "C"}}, {"cwd": "/\0"}]
)
def test_what_no_process_can_be_started_with_is_a_start_error(plain: Bench, fields: dict[str, Any]) -> None:
    assert plain.run("true", **fields)[0].reason == "StartError"
    assert plain.run("true")[0].code == 0


def test_the_environment_is_the_containers_own(plain: Bench) -> None:
    _, log = plain.run("/usr/bin/env", env={"PATH": "/bin", "HOME": "/h", "A": "1\n2", "É": "ü"})
    assert sorted(log.splitlines()) == sorted(["PATH=/bin", "HOME=/h", "A=1", "2", "É=ü"])


def test_what_a_container_runtime_adds_is_added(plain: Bench) -> None:
    _, log = plain.run("/usr/bin/env", hostname="job-0")
    found = dict(line.split("=", 1) for line in log.splitlines())
    assert found.keys() == {"PATH", "HOME", "HOSTNAME"}
    assert found["HOSTNAME"] == "job-0"
    assert found["PATH"].startswith(identity.DEFAULT_PATH)


def test_the_home_folder_of_this_user_is_the_one_that_a_command_in_a_loop_has() -> None:
    me = os.geteuid()
    assert identity.home(me, "/there") == "/there"
    assert {identity.home(me, wrong) for wrong in ("", "there", "~")} == {pwd.getpwuid(me).pw_dir}
    assert identity.home(2**31, "/there") == "/"


def test_both_streams_are_in_one_log_each_in_order_and_a_log_is_appended_to(plain: Bench) -> None:
    key = plain.launch("sh", "-c", "for i in 1 2 3; do echo out $i; echo err $i >&2; done")
    plain.end(key)
    again = plain.launch("echo", "again", log=str(plain.log(key)))
    plain.end(again)
    lines = plain.output(key).splitlines()
    assert [line for line in lines if line.startswith("out")] == ["out 1", "out 2", "out 3"]
    assert [line for line in lines if line.startswith("err")] == ["err 1", "err 2", "err 3"]
    assert (len(lines), lines[-1]) == (7, "again")


def test_stdin_is_empty(plain: Bench) -> None:
    end, log = plain.run("cat")
    assert (end.code, log) == (0, "")


def test_only_the_three_standard_files_are_open(plain: Bench) -> None:
    code = "import os; print(sorted(os.listdir('/proc/self/fd'))[:3], len(os.listdir('/proc/self/fd')))"
    keys = [plain.launch(sys.executable, "-c", code, env=dict(os.environ)) for _ in range(3)]
    for key in keys:
        plain.end(key)
        assert plain.output(key) == "['0', '1', '2'] 4\n"


def test_signals_have_their_default_meaning_whatever_the_parent_ignores(tmp_path: Path) -> None:
    code = "grep -E 'Sig(Blk|Ign)' /proc/self/status"
    ignored = [signal.SIGTTIN, signal.SIGUSR1]
    before = [signal.signal(number, signal.SIG_IGN) for number in ignored]
    try:
        with bench(tmp_path) as made:
            _, log = made.run("sh", "-c", code)
    finally:
        for number, handler in zip(ignored, before, strict=True):
            signal.signal(number, handler)
    masks = [int(line.split()[1], 16) for line in log.splitlines()]
    assert [mask & 0x7FFFFFFF for mask in masks] == [0, 0]  # above 31 are the C library's own


def test_the_working_directory_is_the_root_or_the_one_asked_for(plain: Bench) -> None:
    assert plain.run("pwd")[1] == "/\n"
    assert plain.run("pwd", cwd=str(plain.folder))[1] == f"{plain.folder}\n"


def test_a_working_directory_that_is_not_there_is_a_start_error(plain: Bench) -> None:
    end, _ = plain.run("pwd", cwd="/no/such/folder")
    assert end.error == REFUSED + 'chdir to cwd ("/no/such/folder") failed: no such file or directory'


def test_a_log_that_cannot_be_opened_is_a_start_error(plain: Bench) -> None:
    end, _ = plain.run("true", log=str(plain.folder / "no" / "such" / "log"))
    assert end.error is not None
    assert end.error.startswith("open log ")


def test_a_log_on_a_full_disk_loses_output_and_fails_nothing(plain: Bench) -> None:
    end, _ = plain.run("sh", "-c", "echo text || exit 9", log="/dev/full")
    assert end.code == 0
    assert plain.run("true")[0].code == 0


def test_a_mount_is_announced_in_a_variable_and_the_working_directory_follows_it(plain: Bench) -> None:
    volume = plain.folder / "volume"
    (volume / "sub").mkdir(parents=True)
    mounts = [Mount(str(volume), "/input/data")]
    _, log = plain.run(
        "sh", "-c", "echo $EXPANDER_MOUNT_INPUT_DATA; pwd", mounts=mounts, cwd="/input/data/sub"
    )
    assert log == f"{volume}\n{volume}/sub\n"


def test_mounts_that_are_not_there_are_explained(tmp_path: Path) -> None:
    runtime = ProcessRuntime()
    same = Mount(str(tmp_path), str(tmp_path))
    launch = Launch("k", ["true"], {}, "log", mounts=[Mount(str(tmp_path), "/in-put/x"), same])
    caveat = runtime.caveat(launch)
    assert caveat is not None
    assert "/in-put/x (in $EXPANDER_MOUNT_IN_PUT_X)" in caveat
    assert str(tmp_path) not in caveat
    assert runtime.caveat(Launch("k", ["true"], {}, "log", mounts=[same])) is None


def test_the_innermost_mount_holds_a_path() -> None:
    mounts = [Mount("/a", "/x"), Mount("/b", "/x/y"), Mount("/c", "/xy")]
    assert [host_path(path, mounts) for path in ("/x", "/x/z", "/x/y/z", "/xyz", "/")] == [
        "/a",
        "/a/z",
        "/b/z",
        "/xyz",
        "/",
    ]
    assert mount_variable("/") == "EXPANDER_MOUNT_"


def test_only_root_may_run_as_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "getegid", lambda: 1000)
    runtime = ProcessRuntime()
    with pytest.raises(CannotStart, match="cannot run as user 0: expander runs as user 1000"):
        runtime.command(Launch("k", ["true"], {}, "log", user=0))
    with pytest.raises(CannotStart, match="cannot run as group 7"):
        runtime.command(Launch("k", ["true"], {}, "log", user=1000, group=7))
    command = runtime.command(Launch("k", ["true"], {}, "log", user=1000, group=1000))
    assert (command.user, command.group) == (None, None)


def test_root_runs_as_whom_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    command = ProcessRuntime().command(Launch("k", ["true"], {}, "log", user=4_000_000, groups=[7]))
    assert (command.user, command.group, command.groups) == (4_000_000, 0, (7,))


def test_running_as_another_user_works_for_root_and_is_refused_to_others(plain: Bench) -> None:
    end, log = plain.run("id", "-u", user=65534)
    if os.geteuid() in (0, 65534):
        assert (end.code, log) == (0, "65534\n")
    else:
        assert end.reason == "StartError"
