"""Where notifications go: a webhook, a command of the shell, or a function of Python."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from threading import Thread
from typing import IO, Any, Final, Protocol, TypeAlias

from expander.base.child_processes import ends_with_us
from expander.base.dataclass import dataclass
from expander.base.errors import UsageError
from expander.base.option_names import option
from expander.base.regex import regex
from expander.base.text import cut
from expander.notify.notification import NotDelivered, Notification

Notify: TypeAlias = str | Callable[[Mapping[str, Any]], object]
"""What the calls take: a URL, a command, or a function that gets the JSON object as a mapping."""

MAX_OUTPUT_BYTES: Final = 2000
"""Bytes of a command's output that are kept: its end, for when it fails."""

MAX_SHOWN: Final = 300
"""Characters of its last line that are shown."""

_SCHEME: Final = regex(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_ALMOST: Final = regex(
    r"\s*[\"']?https?:.*|\s*[\w-]+(?:\.[\w-]+)+(?::\d+)?/\S*\s*", re.DOTALL | re.IGNORECASE
)
"""A URL in quotes, with one slash, or without a scheme. As a command it would be named, with its secret."""


class Target(Protocol):
    """Takes notifications. ``name`` is for messages, and has no secrets."""

    @property
    def name(self) -> str: ...

    def deliver(self, notification: Notification, until: float) -> None:
        """Deliver one, until the time ``until`` of the monotonic clock. Raises NotDelivered."""


def targets_of(given: Notify | Iterable[Notify] | None) -> list[Target]:
    """The targets that are meant, each once. Raises UsageError."""
    if given is None:
        return []
    several = [given] if isinstance(given, str) or not isinstance(given, Iterable) else given
    return [target_of(each) for each in dict.fromkeys(several)]


def target_of(given: Notify) -> Target:
    """The target that a URL, a command or a function means. Raises UsageError, which does not show a URL."""
    if not isinstance(given, str):
        if not callable(given):
            raise UsageError(f"notify: found {type(given).__name__}, expected a URL, a command or a function")
        return Function(given)
    scheme = _SCHEME.match(given.lstrip())
    if scheme is None:
        if not given.strip() or "\0" in given:
            raise UsageError(f"{option('--notify')}: expected a URL or a command")
        if _ALMOST.fullmatch(given) and not os.path.exists(given.strip()):
            raise UsageError(f"{option('--notify')}: the URL is not valid; expected https://HOST/PATH")
        return Command(given)
    if scheme[1].lower() not in ("http", "https"):
        raise UsageError(
            f"{option('--notify')}: {scheme[1]}:// is not supported; expected https://, http:// or a command"
        )
    from expander.notify.webhook import Webhook

    return Webhook.of(given.strip())


def check_waits(command: str, *, waits: bool) -> None:
    """Raise UsageError for ``--notify`` of a command that does not wait for Jobs: it has nothing to tell."""
    if not waits:
        more = ("--delete-finished",) if command == "submit" else ()
        names = [option(name) for name in ("--on-oom", "--on-timeout", "--on-exit", *more)]
        raise UsageError(
            f"{option('--notify')} requires that {command} waits for Jobs",
            hint=f"give it to wait, or add {', '.join(names[:-1])} or {names[-1]}",
        )


def shown(given: str) -> str:
    """A URL or command for lists: of a URL only its server, of a command only its program."""
    return target_of(given).name


@dataclass(frozen=True, slots=True)
class Command:
    """``sh -c words``: it gets the JSON on its standard input, and variables."""

    words: str

    @property
    def name(self) -> str:
        """The program."""
        try:
            first = shlex.split(self.words, comments=True)[0]
        except (ValueError, IndexError):
            first = self.words.split()[0]
        return f"command {first if first.isprintable() and '=' not in first else 'sh'}"

    def deliver(self, notification: Notification, until: float) -> None:
        """See `Target`."""
        body = json.dumps(notification.data(), ensure_ascii=False, default=str) + "\n"
        started = time.monotonic()
        said = bytearray()
        command = ends_with_us(
            ["/bin/sh", "-c", self.words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is not for it
            env=os.environ | notification.variables(),
        )
        try:
            with command as process:
                reader = Thread(target=_keep_end, args=(process.stdout, said), daemon=True)
                reader.start()
                data = body.encode("utf-8", "backslashreplace")
                Thread(target=_write, args=(process.stdin, data), daemon=True).start()
                process.wait(max(until - started, 0.1))
        except OSError as error:
            raise NotDelivered(f"cannot start it: {error.strerror}") from None
        except subprocess.TimeoutExpired:
            process.wait()
            raise NotDelivered(f"killed after {time.monotonic() - started:.0f} s") from None
        if process.returncode:
            reader.join(1)  # what it has left behind may write on
            raise NotDelivered(_failure(process.returncode, _last_line(bytes(said))))


def _write(stream: IO[bytes], data: bytes) -> None:
    """Give a command its input, which it need not read."""
    with suppress(OSError), stream:
        stream.write(data)


def _keep_end(stream: IO[bytes], kept: bytearray) -> None:
    """Read all that a command writes, and keep its end: in a file it could fill the disk."""
    with stream:
        while data := os.read(stream.fileno(), 1 << 16):
            kept += data
            del kept[:-MAX_OUTPUT_BYTES]


def _failure(code: int, said: str) -> str:
    why = f"exit code {code}" if code > 0 else f"killed by signal {-code}"
    return f"{why}: {said}" if said else why


def _last_line(output: bytes) -> str:
    """The last line of what a command has written."""
    lines = output.decode("utf-8", "replace").strip().splitlines()
    return cut(lines[-1].strip(), MAX_SHOWN) if lines else ""


@dataclass(frozen=True, slots=True)
class Function:
    """A function of Python."""

    call: Callable[[Mapping[str, Any]], object]

    @property
    def name(self) -> str:
        """The function's."""
        return f"function {getattr(self.call, '__qualname__', type(self.call).__name__)}"

    def deliver(self, notification: Notification, until: float) -> None:
        """See `Target`; a function is not ended when the time is up."""
        try:
            self.call(notification.data())
        except Exception as error:
            raise NotDelivered(f"{type(error).__name__}: {error}") from error
