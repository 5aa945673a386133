"""Lines of the log: text or JSON, without secrets and without characters that steer a terminal."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Final

from expander.base.regex import regex

_SECRETS: Final = (
    (regex(r"(//[^/\s:@]*):[^\s'\"]+@"), r"\1:***@"),  # a password in a URL
    (regex(r"(?i)\b(authorization\W{1,4}(?:\w+ )?)[^\s'\",]+"), r"\1***"),
    (regex(r"(?i)\b(bearer|basic) [\w.~+/=-]{6,}"), r"\1 ***"),
    (regex(r"(?i)\b(\w*(?:token|passw(?:or)?d|secret|api_?key))=[^&\s'\",]+"), r"\1=***"),
    (regex(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), "***"),  # a JSON Web Token
)


def masked(text: str) -> str:
    """``text`` with ``***`` in place of what looks like a secret."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def _time(record: logging.LogRecord) -> str:
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{seconds}.{int(record.msecs):03d}Z"


def _area(record: logging.LogRecord) -> str:
    return record.name.removeprefix("expander.")


class TextFormatter(logging.Formatter):
    """``2026-01-31T12:00:00.000Z client: POST /apis/... 429``."""

    def format(self, record: logging.LogRecord) -> str:
        text = masked(record.getMessage())
        if record.exc_info:
            text += "\n" + masked(self.formatException(record.exc_info))
        safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
        return f"{_time(record)} {_area(record)}: {safe}"


class JsonFormatter(logging.Formatter):
    """One JSON object: ``time``, ``level``, ``logger``, ``message``, and the fields of the message."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": masked(record.getMessage()),
        }
        if isinstance(record.args, Mapping):
            line |= {
                str(name): value if isinstance(value, (int, float)) else masked(str(value))
                for name, value in record.args.items()
                if name not in line
            }
        if record.exc_info:
            line["error"] = masked(self.formatException(record.exc_info))
        return json.dumps(line)


class Handler(logging.Handler):
    """Hands lines to a function. A line that cannot be written is lost: a log never ends the program."""

    def __init__(self, write: Callable[[str], object], *, as_json: bool) -> None:
        super().__init__()
        self._write = write
        self.setFormatter(JsonFormatter() if as_json else TextFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._write(self.format(record) + "\n")
        except (OSError, ValueError):
            return


def attach(level: int, write: Callable[[str], object], *, as_json: bool) -> None:
    """Give the lines of all loggers of expander to ``write``; what was attached before is replaced."""
    logger = logging.getLogger("expander")
    for handler in [each for each in logger.handlers if isinstance(each, Handler)]:
        logger.removeHandler(handler)
    logger.addHandler(Handler(write, as_json=as_json))
    logger.setLevel(level)
    logger.propagate = False
