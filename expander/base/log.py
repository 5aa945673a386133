"""What the program does, step by step: loggers below ``expander``, silent until somebody listens.

The command line listens for ``-v``, ``-vv``, ``--log-file`` and ``EXPANDER_LOG``, Python through
``logging.getLogger("expander")``. A module takes ``log = Log("client")``; while nobody imported `logging`, a
call costs one look into a dictionary.

Never logged: headers, bodies, the data of objects, environments. What looks like a secret in a message (a
password in a URL, a bearer token) is masked on top, by the formatter of `log_handler`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, Final

from expander.base.errors import UsageError
from expander.base.named_tuple import NamedTuple

INFO: Final = 20
"""Decisions, retries, what started and ended: ``-v``."""

DEBUG: Final = 10
"""Also every request, answer and file: ``-vv``."""

VARIABLE: Final = "EXPANDER_LOG"
"""The environment variable: ``info`` or ``debug``, with ``json`` for JSON Lines (``debug,json``)."""


class Log:
    """The logger ``expander.AREA``.

    ``fields`` are named in the message as ``%(name)s``; with ``json`` they stand in the line by their names.
    """

    __slots__ = ("_logger", "_name")

    def __init__(self, area: str) -> None:
        self._name = f"expander.{area}"
        self._logger: Any = None

    def enabled(self, level: int = DEBUG) -> bool:
        """Whether anybody listens; ask before what is dear to compute."""
        if self._logger is None:
            logging = sys.modules.get("logging")
            find = None if logging is None else getattr(logging, "getLogger", None)
            if find is None:
                return False
            self._logger = find(self._name)
        found: bool = self._logger.isEnabledFor(level)
        return found

    def info(self, message: str, **fields: object) -> None:
        """A decision, or something that started or ended."""
        if self.enabled(INFO):
            self._logger.info(message, *((fields,) if fields else ()), stacklevel=2)

    def debug(self, message: str, **fields: object) -> None:
        """One of many steps."""
        if self.enabled(DEBUG):
            self._logger.debug(message, *((fields,) if fields else ()), stacklevel=2)


class LogConfig(NamedTuple):
    """What is to be logged: `INFO`, `DEBUG`, or 0 for nothing; as JSON Lines or as text."""

    level: int = 0
    as_json: bool = False


def config_from_environment() -> LogConfig:
    """What `VARIABLE` asks for. Raises UsageError for a word it does not have."""
    level, as_json = 0, False
    for word in os.environ.get(VARIABLE, "").lower().replace(":", ",").split(","):
        match word.strip():
            case "json":
                as_json = True
                level = level or INFO
            case "info" | "1":
                level = INFO
            case "debug" | "2":
                level = DEBUG
            case "" | "off" | "0":
                pass
            case other:
                raise UsageError(f"{VARIABLE}: found {other!r}, expected info, debug or json")
    return LogConfig(level, as_json)


def listen(config: LogConfig, write: Callable[[str], object]) -> None:
    """Hand every line of the log, with its end, to ``write``, which may be called from any thread."""
    from expander.base.log_handler import attach

    attach(config.level, write, as_json=config.as_json)
