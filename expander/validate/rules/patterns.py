"""Patterns of apimachinery's ``util/validation``, and what the server says of a text that does not match."""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class Pattern(NamedTuple):
    """A regular expression over a whole text and the server's words for a text that does not match it."""

    expression: re.Pattern[str]
    detail: str

    def matches(self, text: str) -> bool:
        """True when the whole of ``text`` matches."""
        return self.expression.fullmatch(text) is not None


def _pattern(expression: str, detail: str, *examples: str) -> Pattern:
    shown = " or ".join(f"'{example}', " for example in examples)
    return Pattern(
        re.compile(expression), f"{detail} (e.g. {shown}regex used for validation is '{expression}')"
    )


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
DNS_SUBDOMAIN: Final = _pattern(
    rf"{_LABEL}(\.{_LABEL})*",
    f"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', {_ENDS}",
    "example.com",
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
    re.compile("[ -<>-~]+"),
    "a valid environment variable name must consist only of printable ASCII characters other than '='",
)
