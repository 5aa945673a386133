"""Formats of names and keys: each function returns what is wrong with a text.

The rules and words are those of apimachinery's ``util/validation``. An empty answer means the text is
well formed. Lengths are in bytes of UTF-8, as the server counts them.

Patterns of apimachinery's ``util/validation``, and what the server says of a text that does not match.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

from expander.base.named_tuple import NamedTuple
from expander.base.regex import regex


class Pattern(NamedTuple):
    """A regular expression over a whole text and the server's words for a text that does not match it."""

    expression: re.Pattern[str]
    detail: str

    def matches(self, text: str) -> bool:
        """True when the whole of ``text`` matches."""
        return self.expression.fullmatch(text) is not None


def _pattern(expression: str, detail: str, *examples: str) -> Pattern:
    shown = " or ".join(f"'{example}', " for example in examples)
    return Pattern(regex(expression), f"{detail} (e.g. {shown}regex used for validation is '{expression}')")


_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_LOOSE_LABEL: Final = "[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_NAME: Final = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_ENDS: Final = "and must start and end with an alphanumeric character"

DNS_LABEL: Final = _pattern(
    _LABEL,
    f"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', {_ENDS}",
    "my-name",
    "123-abc",
)
DNS_1035_LABEL: Final = _pattern(
    "[a-z]([-a-z0-9]*[a-z0-9])?",
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
    "character, and end with an alphanumeric character",
    "my-name",
    "abc-123",
)
DNS_SUBDOMAIN: Final = _pattern(
    rf"{_LABEL}(\.{_LABEL})*",
    f"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', {_ENDS}",
    "example.com",
)
WILDCARD: Final = _pattern(
    rf"\*\.{_LABEL}(\.{_LABEL})*",
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must "
    "consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
    "*.example.com",
)
SEARCH_DOMAIN: Final = _pattern(
    rf"_?{_LOOSE_LABEL}(\._?{_LOOSE_LABEL})*",
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', "
    + _ENDS,
    "example.com",
)
QUALIFIED_PART: Final = _pattern(
    _NAME,
    f"must consist of alphanumeric characters, '-', '_' or '.', {_ENDS}",
    "MyName",
    "my.name",
    "123-abc",
)
LABEL_VALUE: Final = _pattern(
    f"({_NAME})?",
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', " + _ENDS,
    "MyValue",
    "my_value",
    "12345",
)
CONFIG_KEY: Final = _pattern(
    "[-._a-zA-Z0-9]+",
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    "key.name",
    "KEY_NAME",
    "key-name",
)
HEADER_NAME: Final = _pattern(
    "[-A-Za-z0-9]+",
    "a valid HTTP header must consist of alphanumeric characters or '-'",
    "X-Header-Name",
)
ENV_NAME: Final = Pattern(
    regex("[ -<>-~]+"),
    "a valid environment variable name must consist only of printable ASCII characters other than '='",
)
STRICT_ENV_NAME: Final = _pattern(
    "[-._a-zA-Z][-._a-zA-Z0-9]*",
    "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and "
    "must not start with a digit",
    "my.env-name",
    "MY_ENV.NAME",
    "MyEnvName1",
)


Details = Sequence[str]
Rule = Callable[[str], Details]
_FINE: Final[Details] = ()

MAX_QUALIFIED_NAME: Final = 253 + 1 + 63
"""Characters of the longest one that is well formed."""

_EMPTY_PREFIX: Final[Details] = ("prefix part must be non-empty",)

_PORT_ALPHABET: Final = regex("[-a-z0-9]+")
_LETTER: Final = regex("[a-z]")


def byte_length(text: str) -> int:
    """The length the server sees: bytes of UTF-8, a lone surrogate counted as its replacement."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def dns_label(text: str) -> Details:
    """DNS-1123 label: names of containers, volumes, namespaces, hosts."""
    if len(text) <= 63 and DNS_LABEL.matches(text):
        return _FINE
    wrong = list(_longer_than(text, 63))
    if not DNS_LABEL.matches(text):
        wrong.append("must not contain dots" if DNS_SUBDOMAIN.matches(text) else DNS_LABEL.detail)
    return wrong


def dns_1035_label(text: str) -> Details:
    """DNS-1035 label: a DNS-1123 label that begins with a letter."""
    return _misfit(text, 63, DNS_1035_LABEL)


def dns_subdomain(text: str) -> Details:
    """DNS-1123 subdomain: names of most objects."""
    if len(text) <= 253 and DNS_SUBDOMAIN.matches(text):
        return _FINE
    return _misfit(text, 253, DNS_SUBDOMAIN)


def wildcard_subdomain(text: str) -> Details:
    """A DNS-1123 subdomain behind ``*.``: hosts of Ingresses."""
    return _misfit(text, 253, WILDCARD)


def path_segment(text: str) -> Details:
    """A name that only has to fit into a path of the API: those of roles and their bindings."""
    if text in (".", ".."):
        return (f"may not be '{text}'",)
    return [f"may not contain '{sign}'" for sign in "/%" if sign in text]


def dns_subdomain_prefix(text: str) -> Details:
    """The beginning of a DNS-1123 subdomain: a dash may end it, as something is to follow."""
    return dns_subdomain(f"{text[:-2]}a" if len(text) > 1 and text.endswith("-") else text)


def dns_subdomain_with_underscores(text: str) -> Details:
    """A DNS search domain: a subdomain whose labels may hold underscores."""
    return _misfit(text, 253, SEARCH_DOMAIN)


def qualified_name(text: str) -> Details:
    """``[prefix/]name``: keys of labels and annotations, resources, conditions. Remembered, as batches have
    the same ones again and again."""
    return _known_name(text) if len(text) <= MAX_QUALIFIED_NAME else _check_name(text)


def _check_name(text: str) -> Details:
    prefix, slash, name = text.rpartition("/")
    if not slash:
        return _FINE if len(text) <= 63 and QUALIFIED_PART.matches(text) else _bad_name_part(text)
    if "/" in prefix:
        form = f"a qualified name {QUALIFIED_PART.detail}"
        return [f"{form} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"]
    wrong = [f"prefix part {detail}" for detail in dns_subdomain(prefix)] if prefix else _EMPTY_PREFIX
    return [*wrong, *_bad_name_part(name)]


_known_name: Final = lru_cache(maxsize=1024)(_check_name)


def label_value(text: str) -> Details:
    """The value of a label, possibly empty."""
    if len(text) <= 63 and LABEL_VALUE.matches(text):
        return _FINE
    return _misfit(text, 63, LABEL_VALUE, unit="bytes")


def env_name(text: str) -> Details:
    """The name of an environment variable: printable ASCII without ``=``."""
    return _FINE if ENV_NAME.matches(text) else (ENV_NAME.detail,)


def strict_env_name(text: str) -> Details:
    """The name of an environment variable as releases before 1.32 want it: a name for most shells."""
    return [*_unmatched(text, STRICT_ENV_NAME), *_dots(text)]


def config_key(text: str) -> Details:
    """A key of a ConfigMap or a Secret."""
    return _misfit(text, 253, CONFIG_KEY) or _dots(text)


def _dots(text: str) -> Details:
    if text in (".", ".."):
        return (f"must not be '{text}'",)
    return ("must not start with '..'",) if text.startswith("..") else _FINE


def header_name(text: str) -> Details:
    """The name of an HTTP header."""
    return _unmatched(text, HEADER_NAME)


def port_name(text: str) -> Details:
    """The name of a port of a container or a service."""
    wrong = list(_longer_than(text, 15))
    if not _PORT_ALPHABET.fullmatch(text):
        wrong.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not _LETTER.search(text):
        wrong.append("must contain at least one letter (a-z)")
    if "--" in text:
        wrong.append("must not contain consecutive hyphens")
    if text.startswith("-") or text.endswith("-"):
        wrong.append("must not begin or end with a hyphen")
    return wrong


def port_number(number: int) -> Details:
    """A TCP or UDP port."""
    return _FINE if 1 <= number <= 65535 else ("must be between 1 and 65535, inclusive",)


def _misfit(text: str, limit: int, pattern: Pattern, unit: str = "characters") -> Details:
    return [*_longer_than(text, limit, unit), *_unmatched(text, pattern)]


def _unmatched(text: str, pattern: Pattern) -> Details:
    return _FINE if pattern.matches(text) else (pattern.detail,)


def _longer_than(text: str, limit: int, unit: str = "characters") -> Details:
    return (f"must be no more than {limit} {unit}",) if byte_length(text) > limit else _FINE


def _bad_name_part(name: str) -> Details:
    wrong: list[str] = []
    if not name:
        wrong.append("name part must be non-empty")
    elif byte_length(name) > 63:
        wrong.append("name part must be no more than 63 bytes")
    if not QUALIFIED_PART.matches(name):
        wrong.append(f"name part {QUALIFIED_PART.detail}")
    return wrong
