"""POST to a webhook: redirects, proxies, attempts, and messages that do not tell its URL.

Whoever has the URL of a chat's webhook may write into the chat: path, query and user are secrets.
"""

from __future__ import annotations

import base64
import http.client
import json
import time
import urllib.error
import urllib.request
from queue import Empty, SimpleQueue
from threading import Thread
from typing import IO, Any, Final
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from expander.base.dataclass import dataclass
from expander.base.errors import UsageError
from expander.base.log import Log
from expander.base.option_names import option
from expander.notify.notification import NotDelivered, Notification
from expander.version import __version__

MAX_ATTEMPTS: Final = 3
ATTEMPT_SECONDS: Final = 10.0
_NO_ANSWER: Final = f"no answer within {ATTEMPT_SECONDS:.0f} s"
PAUSE_SECONDS: Final = 1.0
"""The pause after the first failed attempt; it doubles."""

MAX_ANSWER_BYTES: Final = 2000
MAX_ANSWER_SHOWN: Final = 120

_BUSY: Final = frozenset((408, 425, 429, 500, 502, 503, 504))
"""Answers after which another attempt makes sense."""

_TEXT_ALONE: Final = frozenset((400, 413, 422))
"""Answers to fields that are not known, or too large."""

_POST_AGAIN: Final = frozenset((301, 307, 308))
"""Redirects that mean the same request elsewhere; after 302 and 303 the answer is fetched with GET, as by
everybody: the POST has been taken."""

_KEPT_HEADERS: Final = ("Authorization", "Content-type", "User-agent")
"""Headers that a redirected POST keeps, the first only on the same host."""

_SAFE: Final = "/%:@!$&'()*+,;=~-._"
_QUERY_SAFE: Final = _SAFE + '?[]{}|\\^`"<>'
"""What stays as it is in a path, and in a query, which is sent as it was given as far as it is ASCII."""

log = Log("notify")


@dataclass(frozen=True, slots=True)
class Webhook:
    """A URL that takes JSON by POST; ``credentials`` are those of its user, as a header."""

    url: str
    name: str
    credentials: str = ""

    @classmethod
    def of(cls, url: str) -> Webhook:
        """The webhook at ``url``. Raises UsageError, which does not show it."""
        try:
            parts = urlsplit(url)
            good = bool(parts.hostname) and (parts.port or 1) > 0 and url.isprintable() and " " not in url
        except ValueError:  # the port or an IPv6 address
            good = False
        if not good:
            raise UsageError(f"{option('--notify')}: the URL is not valid; expected https://HOST/PATH")
        user, at, server = parts.netloc.rpartition("@")
        path = quote(parts.path or "/", safe=_SAFE)
        query = quote(parts.query, safe=_QUERY_SAFE)
        plain = urlunsplit((parts.scheme, server, path, query, ""))
        pair = base64.b64encode(unquote(user).encode()).decode() if at else ""
        return cls(plain, f"{parts.scheme.lower()}://{server}", f"Basic {pair}" if at else "")

    def deliver(self, notification: Notification, until: float) -> None:
        """See `Target`. What takes no other fields than ``text``, or not so much, gets that alone."""
        data = notification.data()
        for attempt in range(1, MAX_ATTEMPTS + 1):
            seconds = min(ATTEMPT_SECONDS, until - time.monotonic())
            try:
                self._attempt(data, seconds)
            except _Refused as error:
                pause = PAUSE_SECONDS * 2 ** (attempt - 1) if error.after is None else error.after
                if error.code in _TEXT_ALONE and len(data) > 1 and attempt < MAX_ATTEMPTS:
                    data = {"text": data["text"]}
                    continue
                if not error.may_pass or attempt == MAX_ATTEMPTS or time.monotonic() + pause >= until:
                    raise NotDelivered(error.why) from None
                log.info(
                    "POST %(to)s: %(why)s; again in %(pause)s s", to=self.name, why=error.why, pause=pause
                )
                time.sleep(pause)
            else:
                return

    def _attempt(self, data: dict[str, Any], seconds: float) -> None:
        """One POST, in a thread of its own: a byte now and then could keep it for hours."""
        outcome: SimpleQueue[BaseException | None] = SimpleQueue()

        def work() -> None:
            try:
                self._post(data, seconds)
            except BaseException as error:
                outcome.put(error)
            else:
                outcome.put(None)

        Thread(target=work, daemon=True, name="notify: POST").start()
        try:
            error = outcome.get(timeout=max(seconds, 0.1))
        except Empty:
            raise _Refused(_NO_ANSWER, may_pass=True) from None
        if error is not None:
            raise error

    def _post(self, data: dict[str, Any], seconds: float) -> None:
        headers = {"Content-Type": "application/json", "User-Agent": f"expander/{__version__}"}
        if self.credentials:
            headers["Authorization"] = self.credentials
        body = json.dumps(data, default=str).encode()
        opener = urllib.request.build_opener(_Redirects)
        try:
            request = urllib.request.Request(self.url, body, headers, method="POST")
            opener.open(request, timeout=max(seconds, 0.1)).close()  # it is delivered, whatever else comes
        except urllib.error.HTTPError as error:
            with error:
                raise self._refusal(error) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _Refused(_why(error), may_pass=_may_pass(error)) from None

    def _refusal(self, error: urllib.error.HTTPError) -> _Refused:
        if error.code in (301, 302, 303, 307, 308):
            return _Refused(f"HTTP {error.code}: it redirects to where notifications are not sent")
        try:
            said = " ".join(error.read(MAX_ANSWER_BYTES).decode("utf-8", "replace").split())
        except (OSError, http.client.HTTPException):
            said = ""
        said = said if said and said.isprintable() and "<" not in said else ""
        shown = f": {self._without_secrets(said)[:MAX_ANSWER_SHOWN]}" if said else ""
        wait = error.headers.get("Retry-After", "") if error.headers else ""
        after = float(wait) if wait.isascii() and wait.isdigit() else None
        return _Refused(f"HTTP {error.code}{shown}", error.code, error.code in _BUSY, after)

    def _without_secrets(self, said: str) -> str:
        """What the server said, without what it repeats of the URL."""
        parts = urlsplit(self.url)
        secrets = [
            part for part in (*parts.path.split("/"), *parts.query.replace("&", "=").split("=")) if part
        ]
        for secret in sorted(secrets, key=len, reverse=True):
            if len(secret) > 3:
                said = said.replace(secret, "...").replace(unquote(secret), "...")
        return said


class _Refused(Exception):
    """An attempt failed; ``may_pass``: another one may not, ``after`` so many seconds if the server says."""

    def __init__(self, why: str, code: int = 0, may_pass: bool = False, after: float | None = None) -> None:
        super().__init__(why)
        self.why, self.code, self.may_pass, self.after = why, code, may_pass, after


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from https to http."""

    max_redirections = 5

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        scheme = urlsplit(newurl).scheme
        if scheme not in ("http", "https") or (req.type == "https" and scheme != "https"):
            return None
        if code in _POST_AGAIN:
            kept = {name: value for name, value in req.header_items() if name in _KEPT_HEADERS}
            new = urllib.request.Request(newurl, req.data, kept, method="POST")
        elif (found := super().redirect_request(req, fp, code, msg, headers, newurl)) is None:
            return None
        else:
            new = found
        if urlsplit(newurl).hostname != urlsplit(req.full_url).hostname:
            new.remove_header("Authorization")
        return new


def _why(error: BaseException) -> str:
    """What went wrong, in words that have no URL."""
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, BaseException):
        error = error.reason
    if isinstance(error, TimeoutError):
        return _NO_ANSWER
    if message := getattr(error, "verify_message", ""):
        return f"certificate verify failed: {message}"
    if isinstance(error, urllib.error.URLError):
        return str(error.reason)
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    if isinstance(error, http.client.HTTPException):
        return "the answer is not HTTP"
    return "the URL cannot be used" if isinstance(error, ValueError) else type(error).__name__


def _may_pass(error: BaseException) -> bool:
    """Whether another attempt may arrive."""
    reason = getattr(error, "reason", error)
    return isinstance(reason, OSError) and not hasattr(reason, "verify_message")
