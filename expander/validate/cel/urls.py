"""URLs as Go's ``net/url.ParseRequestURI`` reads them."""

from __future__ import annotations

from urllib.parse import quote, unquote

from expander.base.named_tuple import NamedTuple
from expander.base.regex import regex

_SCHEME = regex(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_BAD_ESCAPE = regex(r"%(?![0-9A-Fa-f]{2})")
_USERINFO = regex(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*")
_HOST = regex(r"[A-Za-z0-9\-._~!$&'()*+,;=:\[\]<>\"%\x80-\U0010ffff]*")
_PORT = regex(r"(?::[0-9]*)?")


class Url(NamedTuple):
    """A URL in its parts; ``host`` is with its port."""

    scheme: str
    host: str
    path: str
    query: str

    @property
    def hostname(self) -> str:
        """The host without its port and brackets."""
        if self.host.startswith("["):
            return self.host[1:].partition("]")[0]
        return self.host.rpartition(":")[0] if ":" in self.host else self.host

    @property
    def port(self) -> str:
        """The port; empty when there is none."""
        rest = self.host.rpartition("]")[2] if self.host.startswith("[") else self.host
        return rest.rpartition(":")[2] if ":" in rest else ""

    def queries(self) -> dict[str, list[str]]:
        """The values of each name of the query."""
        found: dict[str, list[str]] = {}
        for part in self.query.split("&"):
            if part and ";" not in part and not _BAD_ESCAPE.search(part):
                name, _, value = part.partition("=")
                found.setdefault(_plain(name), []).append(_plain(value))
        return found


def _plain(text: str) -> str:
    return unquote(text.replace("+", " "))


def parse_request_uri(text: str) -> Url:
    """The URL ``text`` stands for: absolute, or a path from the root. Raises ValueError."""
    if not text or any(ord(each) < 0x20 or ord(each) == 0x7F for each in text):
        raise ValueError("empty url" if not text else "net/url: invalid control character in URL")
    if text == "*":
        return Url("", "", "*", "")
    found = _SCHEME.match(text)
    if text.startswith(":"):
        raise ValueError("missing protocol scheme")
    scheme = found[1].lower() if found else ""
    rest, _, query = text[found.end() if found else 0 :].partition("?")
    if not rest.startswith("/"):
        if scheme:
            return Url(scheme, "", "", query)  # opaque
        raise ValueError("invalid URI for request")
    host = ""
    if scheme and rest.startswith("//"):
        authority, slash, path = rest[2:].partition("/")
        rest = slash + path
        host = _host(authority)
    if _BAD_ESCAPE.search(rest):
        raise ValueError("invalid URL escape")
    return Url(scheme, host, _escaped(rest), query)


def _host(authority: str) -> str:
    user, at, host = authority.rpartition("@")
    if at and (not _USERINFO.fullmatch(user) or _BAD_ESCAPE.search(user)):
        raise ValueError("net/url: invalid userinfo")
    if host.startswith("["):
        inner, bracket, port = host[1:].partition("]")
        if not bracket or not _PORT.fullmatch(port):
            raise ValueError("invalid port after host")
        if "%" in inner.replace("%25", ""):
            raise ValueError("invalid URL escape")
    else:
        name, colon, digits = host.rpartition(":")
        if ":" in host and not _PORT.fullmatch(colon + digits):
            raise ValueError("invalid port after host")
        if regex(r"%(?![89A-Fa-f][0-9A-Fa-f])").search(host):
            raise ValueError("invalid URL escape")
        del name
    if not _HOST.fullmatch(host):
        raise ValueError("invalid character in host name")
    return host


def _escaped(path: str) -> str:
    """The path as Go writes it: as given when that is a valid spelling."""
    if regex(r"[A-Za-z0-9\-._~!$&'()*+,;=:@/\[\]%]*").fullmatch(path):
        return path
    return quote(unquote(path), safe="$&+,/:;=@-._~")
