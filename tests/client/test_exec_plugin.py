"""Exec plugins: what they are told, what they may give, and what is said when they give nothing."""

from __future__ import annotations

import base64
import json
import os
import pty
import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from expander.base.errors import InputError
from expander.cli.output.interrupts import Interrupts
from expander.client.exec_plugin import ExecPlugin, plugin_config
from expander.client.kubeconfig import Context, load_context
from tests.cli.program import EXPANDER
from tests.group.test_hostile_objects import JUNK, changed, places

VERSION = "client.authentication.k8s.io/v1"


def context(folder: Path, script: str, cluster: dict[str, Any] | None = None, **settings: Any) -> Context:
    """A context whose plugin is a script beside the kubeconfig, named by its relative path."""
    (folder / "plugin").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "plugin").chmod(0o755)
    plugin = {"apiVersion": VERSION, "command": "./plugin", **settings}
    tree = {
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1", **(cluster or {})}}],
        "users": [{"name": "u", "user": {"exec": plugin}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    (folder / "config").write_text(json.dumps(tree))
    return load_context(str(folder / "config"), None)


def gives(version: str = VERSION, kind: str = "ExecCredential", **status: str) -> str:
    return f"echo '{json.dumps({'apiVersion': version, 'kind': kind, 'status': status})}'"


def refusal(context: Context) -> str:
    with pytest.raises(InputError) as caught:
        plugin_config(context)
    return str(caught.value)


def test_a_plugin_gets_its_arguments_its_variables_and_the_cluster_if_it_wants_it(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("PEM")
    extension = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "a"}}
    script = f'echo "$1 $NAME $KUBERNETES_EXEC_INFO" > {tmp_path}/told; {gives(token="t")}'
    found = context(
        tmp_path,
        script,
        {"certificate-authority": "ca.pem", "extensions": [extension]},
        args=["--login"],
        env=[{"name": "NAME", "value": "value"}],
        provideClusterInfo=True,
    )
    assert plugin_config(found).authorization() == "Bearer t"
    argument, variable, info = (tmp_path / "told").read_text().split(" ", 2)
    assert (argument, variable) == ("--login", "value")
    assert json.loads(info) == {
        "apiVersion": VERSION,
        "kind": "ExecCredential",
        "spec": {
            "interactive": False,
            "cluster": {
                "server": "https://127.0.0.1:1",
                "certificate-authority-data": base64.b64encode(b"PEM").decode(),
                "config": {"audience": "a"},
            },
        },
    }
    plugin_config(context(tmp_path, script))
    assert json.loads((tmp_path / "told").read_text().split(" ", 2)[2])["spec"] == {"interactive": False}


def test_a_plugin_gets_an_authority_that_can_be_read_only_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ca.pem")
    script = f'echo "$KUBERNETES_EXEC_INFO" > {tmp_path}/told; {gives(token="t")}'
    ours = {"certificate-authority": "ca.pem"}
    found = context(tmp_path, script, ours, provideClusterInfo=True)
    writer = threading.Thread(target=(tmp_path / "ca.pem").write_text, args=("PEM",), daemon=True)
    writer.start()
    assert plugin_config(found).authority == "PEM"
    told = json.loads((tmp_path / "told").read_text())["spec"]["cluster"]
    assert told["certificate-authority-data"] == base64.b64encode(b"PEM").decode()


def test_a_device_is_no_authority(tmp_path: Path) -> None:
    told = refusal(context(tmp_path, gives(token="t"), {"certificate-authority": "/dev/zero"}))
    assert "cannot read /dev/zero: Is a device, not a file" in told


def test_a_credential_is_kept_until_it_expires(tmp_path: Path) -> None:
    count = f"echo x >> {tmp_path}/runs"
    lasting = ExecPlugin(
        context(tmp_path, f"{count}; {gives(token='t', expirationTimestamp='2100-01-01T00:00:00Z')}")
    )
    assert [lasting.authorization() for _ in range(3)] == ["Bearer t"] * 3
    assert (tmp_path / "runs").read_text().count("x") == 1
    over = ExecPlugin(
        context(tmp_path, f"{count}; {gives(token='u', expirationTimestamp='2020-01-01T00:00:00Z')}")
    )
    assert [over.authorization() for _ in range(2)] == ["Bearer u"] * 2
    assert (tmp_path / "runs").read_text().count("x") == 3


def test_a_certificate_takes_the_place_of_a_token(tmp_path: Path) -> None:
    found = plugin_config(context(tmp_path, gives(clientCertificateData="CERT", clientKeyData="KEY")))
    assert (found.certificate, found.key, found.authorization()) == ("CERT", "KEY", "")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (gives(), "neither a token nor a certificate with its key"),
        (gives(clientCertificateData="CERT"), "neither a token nor a certificate with its key"),
        (gives(kind="Status", token="t"), f"the plugin gave {VERSION} Status, not an ExecCredential"),
        (gives(version=f"{VERSION}beta1", token="t"), f"the plugin gave {VERSION}beta1 ExecCredential"),
        (gives(token="t", expirationTimestamp="soon"), "did not give an ExecCredential"),
        ("echo token", "did not give an ExecCredential"),
        ("echo 7", "did not give an ExecCredential"),
        ("exit 4", "plugin exited with 4"),
    ],
)
def test_what_is_no_credential_is_an_error_that_says_so(tmp_path: Path, script: str, words: str) -> None:
    said = refusal(context(tmp_path, script))
    assert "no credentials for context 'x'" in said
    assert words in said


def test_a_plugin_that_cannot_be_run_is_told_with_its_hint_or_its_terms(tmp_path: Path) -> None:
    missing = context(tmp_path, "", command="no-such-plugin", installHint="install it from here")
    with pytest.raises(InputError, match="cannot run no-such-plugin: No such file") as caught:
        plugin_config(missing)
    assert caught.value.hint == "install it from here"
    assert "no terminal" in refusal(context(tmp_path, gives(token="t"), interactiveMode="Always"))
    assert "v1alpha1 of the plugin is not one of" in refusal(
        context(tmp_path, gives(token="t"), apiVersion="client.authentication.k8s.io/v1alpha1")
    )


def test_each_value_of_an_exec_may_be_anything(tmp_path: Path) -> None:
    whole = context(
        tmp_path, gives(token="t"), args=["a"], env=[{"name": "A", "value": "b"}], provideClusterInfo=True
    )
    for path in places(whole.user):
        for value in JUNK:
            user = changed(whole.user, path, value)
            try:
                plugin_config(Context("x", "default", whole.cluster, user))
            except InputError:
                pass
            except Exception as error:
                pytest.fail(f"{path} {str(value)[:40]}: {error!r}")


HANGS = "sleep 1000 & echo $! > child.part; mv child.part child; wait"
"""A plugin that never ends, and what it has started, whose number is in a file."""


def command(folder: Path, script: str, **settings: Any) -> list[str]:
    """A command that needs the credentials of a plugin."""
    context(folder, f"cd {folder}; {script}", **settings)
    return [EXPANDER, "status", "--group", "g", "--kubeconfig", str(folder / "config")]


def appears(path: Path) -> str:
    """What is in a file, once it is there."""
    while not path.exists():
        time.sleep(0.02)
    return path.read_text()


def ends(number: int) -> None:
    """Wait until a process has ended; that of a test which fails is killed by its timeout."""
    with suppress(ProcessLookupError):
        for _ in range(500):
            os.kill(number, 0)
            if Path(f"/proc/{number}/stat").exists() and ") Z " in Path(f"/proc/{number}/stat").read_text():
                return
            time.sleep(0.02)
        os.kill(number, signal.SIGKILL)
        pytest.fail("what the plugin has started goes on")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_plugin_that_hangs_ends_with_the_command_and_all_that_it_has_started(
    tmp_path: Path, number: signal.Signals
) -> None:
    with subprocess.Popen(
        command(tmp_path, HANGS), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as program:
        child = int(appears(tmp_path / "child"))
        program.send_signal(number)
        assert program.wait() == (130 if number == signal.SIGINT else -number)
    ends(child)


def test_a_plugin_that_hangs_does_not_hold_up_a_command_that_ends_in_order(tmp_path: Path) -> None:
    signals: list[int] = []
    found = context(tmp_path, f"cd {tmp_path}; {HANGS}")

    def interrupt() -> None:
        appears(tmp_path / "child")
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with Interrupts(signals.append):
        assert "plugin exited with -9" in refusal(found)
    thread.join()
    assert signals == [signal.SIGTERM]
    ends(int((tmp_path / "child").read_text()))


def test_what_a_plugin_has_started_may_outlive_it(tmp_path: Path) -> None:
    script = f"sleep 1000 >/dev/null 2>&1 & echo $! > {tmp_path}/child; {gives(token='t')}"
    assert plugin_config(context(tmp_path, script)).authorization() == "Bearer t"
    child = int((tmp_path / "child").read_text())
    os.kill(child, 0)
    os.kill(child, signal.SIGKILL)


def test_a_plugin_that_may_ask_questions_reads_the_terminal(tmp_path: Path) -> None:
    script = "echo ready > ready; read word < /dev/tty; echo $word > told.part; mv told.part told; exit 4"
    words = command(tmp_path, script)
    number, terminal = pty.fork()
    if number == 0:
        os.execv(words[0], words)
    appears(tmp_path / "ready")
    os.write(terminal, b"secret\n")
    assert appears(tmp_path / "told") == "secret\n"
    with suppress(OSError):  # the end of a terminal
        while os.read(terminal, 1 << 12):
            pass
    assert os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]) == 2
    os.close(terminal)


def test_a_plugin_that_may_ask_questions_ends_with_the_command(tmp_path: Path) -> None:
    words = command(tmp_path, "echo $$ > child.part; mv child.part child; exec sleep 1000")
    number, terminal = pty.fork()
    if number == 0:
        os.execv(words[0], words)
    child = int(appears(tmp_path / "child"))
    os.kill(number, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]) == -signal.SIGTERM
    ends(child)
    os.close(terminal)
