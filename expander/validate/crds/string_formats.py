"""Formats of strings in schemas, as kube-openapi's ``strfmt`` checks them.

Which formats a release knows is decided by ``pkg/apiserver/validation/formats.go`` of
apiextensions-apiserver; one that it does not know is ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from expander.base.regex import regex
from expander.kube.quantity import quantity
from expander.kube.time import UNITS, parse_duration
from expander.kube.versions import Release
from expander.validate.cel.addresses import accepted_by, parse_cidr, parse_ip
from expander.validate.cel.urls import parse_request_uri
from expander.validate.rules import formats

NUMBERS: Final = {"integer": ("int32", "int64"), "number": ("float", "double")}
_UUID: Final = "[0-9A-Fa-f]{8}-?[0-9A-Fa-f]{4}-?%s[0-9A-Fa-f]{3}-?%s[0-9A-Fa-f]{3}-?[0-9A-Fa-f]{12}"
_ANY, _VARIANT = "[0-9A-Fa-f]", "[89abAB]"


def supported(schema: Mapping[str, Any], release: Release) -> str:
    """The format of a schema, or an empty text when ``release`` ignores it."""
    form: str = schema.get("format") or ""
    kind = schema.get("type") or ""
    if kind in NUMBERS:
        return form if form in NUMBERS[kind] else ""
    name = form.replace("-", "")
    if kind not in ("", "string") or name not in FORMATS or (name in _LATER and release < (1, 34)):
        return ""
    return form


def is_date(text: str) -> bool:
    """A day that exists, as 2006-01-02."""
    from datetime import date

    if not _DATE.fullmatch(text):
        return False
    try:
        date(int(text[:4]) or 4, int(text[5:7]), int(text[8:]))
    except ValueError:
        return False
    return True


def is_date_time(text: str) -> bool:
    """A date and a time of day with its zone (RFC 3339)."""
    day, separator, time = text.lower().partition("t")
    found = _TIME.fullmatch(time)
    if not separator or found is None or not is_date(day):
        return False
    return found[1] <= "23" and found[2] <= "59" and found[3] <= "59"


def nanoseconds(text: str) -> int:
    """The length of a duration as Go or Scala writes one. Raises ValueError when it is none."""
    try:
        return parse_duration(text)
    except ValueError:
        total, found = 0, False
        for factor, unit in _LONG_DURATION.findall(text):
            for *names, prefix in _LONG_UNITS:
                if unit.lower() in names or unit.lower().startswith(prefix):
                    total += int(factor) * _LENGTHS[names[0]]
                    found = True
        if found:
            return total
        raise ValueError(f"unable to parse {text} as duration") from None


def _is_hostname(text: str) -> bool:
    size = len(text.encode())
    return (
        bool(_HOSTNAME.fullmatch(text)) and size <= 255 and all(len(p.encode()) < 64 for p in text.split("."))
    )


def _is_isbn(text: str, length: int) -> bool:
    digits = text.replace("-", "").replace(" ", "")
    if length == 10:
        if not regex(r"[0-9]{9}[0-9X]").fullmatch(digits):
            return False
        return sum((n + 1) * (10 if c == "X" else int(c)) for n, c in enumerate(digits)) % 11 == 0
    if not regex(r"[0-9]{13}").fullmatch(digits):
        return False
    return sum((3 if n % 2 else 1) * int(c) for n, c in enumerate(digits)) % 10 == 0


def _is_credit_card(text: str) -> bool:
    digits = regex(r"[^0-9]+").sub("", text)
    if not _CREDIT_CARD.fullmatch(digits):
        return False
    doubled = [int(c) * (1 + n % 2) for n, c in enumerate(reversed(digits))]
    return sum(each - 9 if each > 9 else each for each in doubled) % 10 == 0


def _is_ip(separator: str) -> Callable[[str], bool]:
    return lambda text: separator in text and accepted_by(parse_ip)(text)


def _matches(expression: str) -> Callable[[str], bool]:
    pattern = regex(expression)
    return lambda text: bool(pattern.fullmatch(text))


_DATE: Final = regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME: Final = regex(r"([0-9]{2}):([0-9]{2}):([0-9]{2})(?:.[0-9]+)?(?:z|[+-][0-9]{2}:[0-9]{2})")
_LONG_DURATION: Final = regex(r"(\d+)\s*([A-Za-zµ]+)")
_LONG_UNITS: Final = (
    ("ns", "nano"),
    ("us", "µs", "micro"),
    ("ms", "milli"),
    ("s", "sec"),
    ("m", "min"),
    ("h", "hr", "hour"),
    ("d", "day"),
    ("w", "wk", "week"),
)
_LENGTHS: Final = {**UNITS, "d": 24 * UNITS["h"], "w": 7 * 24 * UNITS["h"]}
_LETTER: Final = r"[^\W_]"
_HOSTNAME: Final = regex(
    rf"{_LETTER}(?:-?{_LETTER}{{0,62}})?"
    rf"|(?:{_LETTER}(?:(?:{_LETTER}|-){{0,61}}{_LETTER})?\.)+{_LETTER}(?:-?{_LETTER}){{1,62}}"
)
_CREDIT_CARD: Final = regex(
    "4[0-9]{12}(?:[0-9]{3})?|5[1-5][0-9]{14}|6(?:011|5[0-9][0-9])[0-9]{12}|3[47][0-9]{13}"
    r"|3(?:0[0-5]|[68][0-9])[0-9]{11}|(?:2131|1800|35\d{3})\d{11}"
)
_BYTE: Final = "(?:[0-9A-Fa-f]{2}%s){%d}[0-9A-Fa-f]{2}"
_MAC: Final = "|".join(
    [_BYTE % (sign, count) for sign in ":-" for count in (5, 7, 19)]
    + [rf"(?:[0-9A-Fa-f]{{4}}\.){{{count}}}[0-9A-Fa-f]{{4}}" for count in (2, 3, 9)]
)
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\x80-\U0010ffff]+"
_ADDRESS: Final = rf'(?:{_ATOM}(?:\.{_ATOM})*|"(?:[^"\\\r\n]|\\.)*")@(?:{_ATOM}(?:\.{_ATOM})*|\[[^\[\]\\]*\])'

FORMATS: Final[Mapping[str, Callable[[str], bool]]] = {
    "bsonobjectid": _matches("[0-9a-fA-F]{24}"),
    "byte": _matches("(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})"),
    "cidr": accepted_by(parse_cidr),
    "creditcard": _is_credit_card,
    "date": is_date,
    "datetime": is_date_time,
    "duration": accepted_by(nanoseconds),
    "email": _matches(rf'\s*(?:{_ADDRESS}|(?:"[^"]*"|[^<>"@,;:()\[\]]*)<{_ADDRESS}>)\s*'),
    "hexcolor": _matches("#?(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})"),
    "hostname": _is_hostname,
    "ipv4": _is_ip("."),
    "ipv6": _is_ip(":"),
    "isbn": lambda text: _is_isbn(text, 10) or _is_isbn(text, 13),
    "isbn10": lambda text: _is_isbn(text, 10),
    "isbn13": lambda text: _is_isbn(text, 13),
    "k8slongname": lambda text: not formats.dns_subdomain(text),
    "k8sshortname": lambda text: not formats.dns_label(text),
    "mac": _matches(_MAC),
    "password": lambda text: True,
    "quantity": accepted_by(quantity),
    "rgbcolor": _matches(
        r"rgb\(\s*(?:0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*,\s*(?:0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])"
        r"\s*,\s*(?:0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*\)"
    ),
    "ssn": _matches(r"\d{3}[- ]?\d{2}[- ]?\d{4}"),
    "uri": accepted_by(parse_request_uri),
    "uuid": _matches(_UUID % (_ANY, _ANY)),
    "uuid3": _matches(_UUID % ("3", _ANY)),
    "uuid4": _matches(_UUID % ("4", _VARIANT)),
    "uuid5": _matches(_UUID % ("5", _VARIANT)),
}
"""Formats without hyphens in their names -> whether a text is one."""

_LATER: Final = frozenset(("k8slongname", "k8sshortname"))
