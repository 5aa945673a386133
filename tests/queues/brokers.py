"""Real brokers for the tests: private, on loopback only, in a folder of their own, and always stopped."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

LIMIT = 120.0
"""Seconds for a server to start or stop on a loaded machine."""


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(happened: Callable[[], object], what: str, limit: float = LIMIT) -> None:
    """Wait for a condition; fails when it does not come about."""
    until = time.monotonic() + limit
    while not happened():
        assert time.monotonic() < until, f"{what} did not happen in {limit:.0f} s"
        time.sleep(0.05)


def program(name: str, *places: str) -> str:
    found = shutil.which(name) or next((place for place in places if os.access(place, os.X_OK)), None)
    assert found, f"these tests need {name}: apt-get install redis-server rabbitmq-server"
    return found


class RedisServer:
    """redis-server with an append-only file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = {
            "port": self.port, "bind": "127.0.0.1", "dir": self.folder, "appendonly": "yes",
            "appendfsync": "everysec", "save": '""', "logfile": self.folder / "redis.log",
        }  # fmt: skip
        words = [word for name, value in options.items() for word in (f"--{name}", str(value).strip('"'))]
        self._process = subprocess.Popen([program("redis-server"), *words], start_new_session=True)
        wait_until(self._answers, "the start of redis-server")

    def stop(self, number: int = signal.SIGKILL) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(LIMIT)
            self._process = None

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "redis.log").read_text()
        with suppress(OSError), closing(socket.create_connection(("127.0.0.1", self.port), 5)) as link:
            link.settimeout(5)
            link.sendall(b"PING\r\n")
            return link.recv(100).startswith(b"+PONG")
        return False


class RabbitServer:
    """rabbitmq-server under a node name of its own, with an epmd of its own."""

    def __init__(self, folder: Path, settings: str = "", advanced: str = "[].") -> None:
        self.folder = folder
        self.port, self._dist, self._epmd_port = free_port(), free_port(), free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}"
        self._epmd: subprocess.Popen[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        for name in ("home", "mnesia", "log"):
            (folder / name).mkdir()
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.default = 127.0.0.1:{self.port}\n"
            f"log.file.level = warning\ndisk_free_limit.absolute = 10MB\n{settings}"
        )
        (folder / "advanced.config").write_text(f"{advanced}\n")
        (folder / "plugins").write_text("[].\n")
        (folder / "env.conf").write_text("")
        self._environment = {
            "PATH": os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
            "HOME": str(folder / "home"),
            "RABBITMQ_NODENAME": f"expander{self.port}@localhost",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._dist),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "env.conf"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_MAX_PORTS": "1024",
        }

    def start(self) -> None:
        if self._epmd is None:
            words = [program("epmd"), "-port", str(self._epmd_port), "-address", "127.0.0.1"]
            self._epmd = subprocess.Popen(words, stderr=subprocess.DEVNULL, start_new_session=True)
        server = program("/usr/lib/rabbitmq/bin/rabbitmq-server", "/usr/lib/rabbitmq/bin/rabbitmq-server")
        with open(self.folder / "output", "wb") as output:
            self._process = subprocess.Popen(
                [server], env=self._environment, stdout=output, stderr=output, stdin=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
        wait_until(self._started, "the start of rabbitmq-server")

    def stop(self, number: int = signal.SIGKILL) -> None:
        """End the broker: SIGKILL as in a crash, SIGTERM in order."""
        if self._process is None:
            return
        group = self._process.pid
        if number == signal.SIGKILL:
            os.killpg(group, number)
        else:
            self._process.send_signal(number)
        self._process.wait(LIMIT)
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
        self._process = None
        wait_until(self._silent, "the end of rabbitmq-server")

    def close(self) -> None:
        try:
            self.stop()
        finally:
            if self._epmd is not None:
                self._epmd.kill()
                self._epmd.wait(LIMIT)

    def _started(self) -> bool:
        assert self._process is not None
        output = (self.folder / "output").read_text(errors="replace")
        assert self._process.poll() is None, output
        return "completed with" in output

    def _silent(self) -> bool:
        with closing(socket.socket()) as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) != 0
