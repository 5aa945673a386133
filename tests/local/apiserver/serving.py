"""A server of the API in a process of its own, and a plain HTTP client for it."""

import base64
import http.client
import json
import os
import re
import signal
import ssl
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import yaml

from tests.cli.program import EXPANDER


@dataclass
class Answer:
    """A response: its status code, headers, bytes, and the JSON in them."""

    code: int
    headers: dict[str, str]
    data: bytes

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.data)
        return found


@dataclass
class Server:
    """``expander serve`` on a state folder, with what it said when it was ready."""

    folder: Path
    flags: tuple[str, ...] = ("--runtime", "process")
    environment: dict[str, str] = field(default_factory=dict)

    def start(self) -> Self:
        command = [EXPANDER, "serve", "--state", str(self.folder), *self.flags]
        errors = Path(f"{self.folder}.errors")  # not a pipe, which nobody reads: it could fill
        errors.parent.mkdir(parents=True, exist_ok=True)
        with open(errors, "ab") as stderr:
            self.process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env={**os.environ, **self.environment},
            )
        assert self.process.stdout is not None
        self.said = [self.process.stdout.readline(), self.process.stdout.readline()]
        found = re.match(r"ready (https?)://127\.0\.0\.1:(\d+)$", self.said[0])
        if found is None:
            self.process.communicate(timeout=120)
            raise AssertionError(f"no server: {self.said} {errors.read_text()}")
        self.scheme, self.port = found[1], int(found[2])
        self.kubeconfig = Path(self.said[1].removeprefix("export KUBECONFIG=").strip())
        self.token: str = yaml.safe_load(self.kubeconfig.read_text())["users"][0]["user"]["token"]
        return self

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it by a signal; its exit code."""
        self.process.send_signal(number)
        self.process.communicate(timeout=120)
        return self.process.returncode

    @property
    def authorization(self) -> dict[str, str]:
        """The header that kubectl sends; none over plain HTTP."""
        return {"Authorization": f"Bearer {self.token}"} if self.scheme == "https" else {}

    def connect(self) -> http.client.HTTPConnection:
        """A connection that trusts the authority of the kubeconfig."""
        if self.scheme == "http":
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        cluster = yaml.safe_load(self.kubeconfig.read_text())["clusters"][0]["cluster"]
        trusted = base64.b64decode(cluster["certificate-authority-data"]).decode()
        context = ssl.create_default_context(cadata=trusted)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=120, context=context)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        host: str | None = None,
        anonymous: bool = False,
    ) -> Answer:
        """One request over a connection of its own; ``body`` is bytes as they are, or JSON data.

        It bears the token over TLS, unless it is ``anonymous`` or has an Authorization of its own.
        """
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        connection = self.connect()
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", host if host is not None else f"127.0.0.1:{self.port}")
            given = {"Content-Type": "application/json"} if data else {}
            given |= {} if anonymous else self.authorization
            given |= headers or {}
            for name, value in given.items():
                connection.putheader(name, value)
            if data is not None:
                connection.putheader("Content-Length", str(len(data)))
            connection.endheaders(data)
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()


def job(name: str, script: str = "true", **spec: Any) -> dict[str, Any]:
    """A Job that runs a shell script."""
    container = {"name": "main", "image": "busybox", "command": ["sh", "-c", script]}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"template": template, **spec},
    }
