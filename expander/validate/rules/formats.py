"""Formats of names, keys and addresses: each function returns what is wrong with a text.

The rules and words are those of apimachinery's ``util/validation``. An empty answer means the text is
well formed. Lengths are in bytes of UTF-8, as the server counts them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

Details = Sequence[str]
_FINE: Final[Details] = ()

_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN: Final = rf"{_LABEL}(\.{_LABEL})*"
_LOOSE: Final = "[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_LOOSE_SUBDOMAIN: Final = rf"_?{_LOOSE}(\._?{_LOOSE})*"
_DNS1035: Final = "[a-z]([-a-z0-9]*[a-z0-9])?"
_QUALIFIED: Final = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_VALUE: Final = f"({_QUALIFIED})?"
_C_IDENTIFIER: Final = "[A-Za-z_][A-Za-z0-9_]*"
_CONFIG_KEY: Final = "[-._a-zA-Z0-9]+"
_HEADER: Final = "[-A-Za-z0-9]+"


def _pattern_detail(text: str, pattern: str, *examples: str) -> str:
    shown = " or ".join(f"'{example}', " for example in examples)
    return f"{text} (e.g. {shown}regex used for validation is '{pattern}')"


_BAD_LABEL: Final = _pattern_detail(
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
    "and must start and end with an alphanumeric character",
    _LABEL,
    "my-name",
    "123-abc",
)
_BAD_SUBDOMAIN: Final = _pattern_detail(
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character",
    _SUBDOMAIN,
    "example.com",
)
_BAD_LOOSE_SUBDOMAIN: Final = _pattern_detail(
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', "
    "and must start and end with an alphanumeric character",
    _LOOSE_SUBDOMAIN,
    "example.com",
)
_BAD_DNS1035: Final = _pattern_detail(
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
    "start with an alphabetic character, and end with an alphanumeric character",
    _DNS1035,
    "my-name",
    "abc-123",
)
_BAD_QUALIFIED_PART: Final = _pattern_detail(
    "must consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character",
    _QUALIFIED,
    "MyName",
    "my.name",
    "123-abc",
)
_BAD_LABEL_VALUE: Final = _pattern_detail(
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character",
    _LABEL_VALUE,
    "MyValue",
    "my_value",
    "12345",
)
_BAD_C_IDENTIFIER: Final = _pattern_detail(
    "a valid C identifier must start with alphabetic character or '_', "
    "followed by a string of alphanumeric characters or '_'",
    _C_IDENTIFIER,
    "my_name",
    "MY_NAME",
    "MyName",
)
_BAD_CONFIG_KEY: Final = _pattern_detail(
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    _CONFIG_KEY,
    "key.name",
    "KEY_NAME",
    "key-name",
)
_BAD_HEADER: Final = _pattern_detail(
    "a valid HTTP header must consist of alphanumeric characters or '-'", _HEADER, "X-Header-Name"
)
_BAD_ENV_NAME: Final = (
    "a valid environment variable name must consist only of printable ASCII characters other than '='"
)
_EMPTY_PREFIX: Final[Details] = ("prefix part must be non-empty",)
_BAD_IP: Final = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"

_is_label = re.compile(_LABEL).fullmatch
_is_subdomain = re.compile(_SUBDOMAIN).fullmatch
_is_loose_subdomain = re.compile(_LOOSE_SUBDOMAIN).fullmatch
_is_dns1035 = re.compile(_DNS1035).fullmatch
_is_qualified_part = re.compile(_QUALIFIED).fullmatch
_is_label_value = re.compile(_LABEL_VALUE).fullmatch
_is_c_identifier = re.compile(_C_IDENTIFIER).fullmatch
_is_config_key = re.compile(_CONFIG_KEY).fullmatch
_is_header = re.compile(_HEADER).fullmatch
_is_env_name = re.compile("[ -<>-~]+").fullmatch
_is_port_alphabet = re.compile("[-a-z0-9]+").fullmatch
_has_letter = re.compile("[a-z]").search
_hex_group = re.compile("[0-9A-Fa-f]{1,4}").fullmatch
_decimal = re.compile("[0-9]+").fullmatch


def byte_length(text: str) -> int:
    """The length the server sees: bytes of UTF-8, a lone surrogate counted as its replacement."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def dns_label(text: str) -> Details:
    """DNS-1123 label: names of containers, volumes, namespaces, hosts."""
    if len(text) <= 63 and _is_label(text):
        return _FINE
    wrong = list(_longer_than(text, 63))
    if not _is_label(text):
        wrong.append("must not contain dots" if _is_subdomain(text) else _BAD_LABEL)
    return wrong


def dns_subdomain(text: str) -> Details:
    """DNS-1123 subdomain: names of most objects."""
    if len(text) <= 253 and _is_subdomain(text):
        return _FINE
    return [*_longer_than(text, 253), *([] if _is_subdomain(text) else [_BAD_SUBDOMAIN])]


def dns_subdomain_prefix(text: str) -> Details:
    """The beginning of a DNS-1123 subdomain: a dash may end it, as something is to follow."""
    return dns_subdomain(f"{text[:-2]}a" if len(text) > 1 and text.endswith("-") else text)


def dns_subdomain_with_underscores(text: str) -> Details:
    """A DNS search domain: a subdomain whose labels may hold underscores."""
    return [*_longer_than(text, 253), *([] if _is_loose_subdomain(text) else [_BAD_LOOSE_SUBDOMAIN])]


def dns1035_label(text: str) -> Details:
    """DNS-1035 label: names of Services."""
    return [*_longer_than(text, 63), *([] if _is_dns1035(text) else [_BAD_DNS1035])]


def qualified_name(text: str) -> Details:
    """``[prefix/]name``: keys of labels and annotations, resources, conditions."""
    prefix, slash, name = text.rpartition("/")
    if not slash:
        return _FINE if len(text) <= 63 and _is_qualified_part(text) else _bad_name_part(text)
    if "/" in prefix:
        return [
            f"a qualified name {_BAD_QUALIFIED_PART} with an optional DNS subdomain prefix and '/' "
            "(e.g. 'example.com/MyName')"
        ]
    wrong = [f"prefix part {detail}" for detail in dns_subdomain(prefix)] if prefix else _EMPTY_PREFIX
    return [*wrong, *_bad_name_part(name)]


def label_value(text: str) -> Details:
    """The value of a label, possibly empty."""
    if len(text) <= 63 and _is_label_value(text):
        return _FINE
    return [
        *_longer_than(text, 63, unit="bytes"),
        *([] if _is_label_value(text) else [_BAD_LABEL_VALUE]),
    ]


def c_identifier(text: str) -> Details:
    """An identifier of the language C."""
    return _FINE if _is_c_identifier(text) else (_BAD_C_IDENTIFIER,)


def env_name(text: str) -> Details:
    """The name of an environment variable: printable ASCII without ``=``."""
    return _FINE if _is_env_name(text) else (_BAD_ENV_NAME,)


def config_key(text: str) -> Details:
    """A key of a ConfigMap or a Secret."""
    wrong = _longer_than(text, 253)
    if not _is_config_key(text):
        return [*wrong, _BAD_CONFIG_KEY]
    return [*wrong, *_dots(text)]


def _dots(text: str) -> Details:
    if text in (".", ".."):
        return (f"must not be '{text}'",)
    return ("must not start with '..'",) if text.startswith("..") else _FINE


def header_name(text: str) -> Details:
    """The name of an HTTP header."""
    return _FINE if _is_header(text) else (_BAD_HEADER,)


def port_name(text: str) -> Details:
    """The name of a port of a container or a service."""
    wrong = list(_longer_than(text, 15))
    if not _is_port_alphabet(text):
        wrong.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not _has_letter(text):
        wrong.append("must contain at least one letter (a-z)")
    if "--" in text:
        wrong.append("must not contain consecutive hyphens")
    if text.startswith("-") or text.endswith("-"):
        wrong.append("must not begin or end with a hyphen")
    return wrong


def port_number(number: int) -> Details:
    """A TCP or UDP port."""
    return _FINE if 1 <= number <= 65535 else ("must be between 1 and 65535, inclusive",)


def ip_address(text: str) -> Details:
    """An IPv4 or IPv6 address; leading zeros in IPv4 are let through, as the server does for old fields."""
    return _FINE if _is_ipv4(text) or _is_ipv6(text) else (_BAD_IP,)


def _is_ipv4(text: str) -> bool:
    parts = text.split(".")
    return len(parts) == 4 and all(_decimal(part) and int(part[-20:]) <= 255 for part in parts)


def _is_ipv6(text: str) -> bool:
    head, double, tail = text.partition("::")
    if not double:
        return _group_count(head, last=True) == 8
    if "::" in tail:
        return False
    left = _group_count(head, last=False) if head else 0
    right = _group_count(tail, last=True) if tail else 0
    return left is not None and right is not None and left + right <= 7


def _group_count(text: str, *, last: bool) -> int | None:
    """How many 16-bit groups ``text`` holds; None when it is malformed. IPv4 may end the ``last`` part."""
    groups = text.split(":")
    count = len(groups)
    if last and "." in groups[-1]:
        if not _is_ipv4(groups.pop()):
            return None
        count += 1
    return count if all(_hex_group(group) for group in groups) else None


def _longer_than(text: str, limit: int, unit: str = "characters") -> Details:
    return (f"must be no more than {limit} {unit}",) if byte_length(text) > limit else _FINE


def _bad_name_part(name: str) -> Details:
    wrong: list[str] = []
    if not name:
        wrong.append("name part must be non-empty")
    elif byte_length(name) > 63:
        wrong.append("name part must be no more than 63 bytes")
    if not _is_qualified_part(name):
        wrong.append(f"name part {_BAD_QUALIFIED_PART}")
    return wrong
