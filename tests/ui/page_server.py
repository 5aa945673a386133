"""The server of the live page as a process, and groups that wait for a file or fail until there is one."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from tests.cli.program import EXPANDER, run

PATIENCE = 60.0
"""Seconds after which something will not happen any more."""

TEMPLATE = """
apiVersion: batch/v1
kind: Job
metadata: {name: "t-$ITEM"}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: main, image: busybox, command: [sh, FOLDER/GROUP.sh, "$ITEM"], volumeMounts: [{name: here, mountPath: FOLDER}]}
      volumes: [{name: here, hostPath: {path: FOLDER}}]
"""


class PageServer:
    """``expander ui`` with a state folder of its own; a context manager."""

    def __init__(self, state: Path, *flags: str) -> None:
        self.state = state
        self._flags = ("--state", str(state), *flags)
        self.process: subprocess.Popen[str]
        self.address = ""

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        self.process = subprocess.Popen(
            [EXPANDER, "ui", *self._flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        assert self.address.startswith("http://127.0.0.1:"), self.process.wait()

    def kill(self) -> None:
        """End the server as a crash does."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def stop(self) -> int:
        """End the server as Ctrl-C does; the exit code."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.wait(PATIENCE)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def token(self) -> str:
        """The token in the fragment of the address."""
        return parse_qs(urlsplit(self.address).fragment)["token"][0]

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        token: str | None = None,
        headers: dict[str, str] | None = None,
        body: Any = None,
        until: str = "",
    ) -> tuple[int, dict[str, str], str]:
        """Status, headers and body of an answer; a stream is left after the first line with ``until`` in it."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", urlsplit(self.address).port or 0, timeout=PATIENCE
        )
        given = {} if token is None else {"Authorization": f"Bearer {token}"}
        text = None if body is None else body if isinstance(body, str) else json.dumps(body)
        connection.request(method, path, text, {**given, **(headers or {})})
        answer = connection.getresponse()
        streams = answer.headers.get_content_type() == "application/x-ndjson" and method == "GET"
        found = answer.readline() if streams else answer.read()
        while streams and until.encode() not in found:
            found = answer.readline()
        connection.close()
        return answer.status, {name.lower(): value for name, value in answer.headers.items()}, found.decode()


def make_group(folder: Path, state: Path, group: str, script: str, *items: str) -> list[str]:
    """The command that runs a shell script for each item; ``$1`` in it is the item."""
    template, program = folder / f"{group}.yaml", folder / f"{group}.sh"
    program.write_text(script)
    template.write_text(TEMPLATE.replace("FOLDER", str(folder)).replace("GROUP", group))
    return ["run", str(template), *items, "--group", group, "--state", str(state), "-q"]


def run_group(folder: Path, state: Path, group: str, script: str, *items: str) -> None:
    """Run such a group to its end."""
    answer = run(*make_group(folder, state, group, script, *items))
    assert answer.code in (0, 1), answer.err


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def until(condition: Any) -> None:
    """Wait until a function gives something true."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "never true"
        time.sleep(0.02)
