"""Formats of strings, as the API server's own library takes them."""

from __future__ import annotations

import pytest

from expander.validate.crds.string_formats import FORMATS, nanoseconds

CASES = {
    "bsonobjectid": ("507f1f77bcf86cd799439011", "507f1f77bcf86cd79943901"),
    "byte": ("aGk= YWJj aGkK/+==", "aGk a-b="),
    "cidr": ("10.0.0.0/8 ::/0", "10.0.0.0 10.0.0.0/33 x/8"),
    "creditcard": ("4111-1111-1111-1111 4111111111111111", "4111111111111112 1234"),
    "date": ("2026-02-28 2024-02-29", "2026-02-29 2026-13-01 26-01-01 2026-1-1"),
    "datetime": (
        "2026-01-01T00:00:00Z 2026-01-01t23:59:59.123+02:00",
        "2026-01-01 2026-02-30T00:00:00Z 2026-01-01T24:00:00Z 2026-01-01T00:00Z yesterday",
    ),
    "duration": ("1h30m 22ns 3d 2weeks -1.5h", "1x abc"),
    "email": ("a@b.c a.b+c@d", "a a@ @b a@b@c"),
    "hexcolor": ("#fff #ABCDEF 123456", "#ff #ggg"),
    "hostname": ("example.com a 1a.example.io", "-a a_b.com a..b"),
    "ipv4": ("1.2.3.4", "::1 1.2.3 010.0.0.1"),
    "ipv6": ("::1 fe80::1 ::ffff:1.2.3.4", "1.2.3.4 ::g"),
    "isbn": ("0321751043 978-0321751041", "0321751044 1"),
    "isbn10": ("0321751043", "978-0321751041"),
    "isbn13": ("978-0321751041", "0321751043"),
    "k8slongname": ("a.b-c", "A a_b"),
    "k8sshortname": ("a-b", "a.b A"),
    "mac": ("01:02:03:04:ab:cd 01-02-03-04-05-06 0102.0304.0506", "01:02:03 01:02-03:04:05:06"),
    "password": ("anything", ""),
    "quantity": ("1Gi 500m 1e3", "1x"),
    "rgbcolor": ("rgb(0,128,255)", "rgb(256,0,0) rgb(1,2)"),
    "ssn": ("111-11-1111 111111111", "1-1"),
    "uri": ("https://a/b?c /path mailto:a@b", "relative http://a:b/ %"),
    "uuid": ("123e4567-e89b-12d3-a456-426614174000 123E4567E89B12D3A456426614174000", "123 g23e4567-e89b-12d3-a456-426614174000"),
    "uuid3": ("a3bb189e-8bf9-3888-9912-ace4e6543002", "a3bb189e-8bf9-4888-9912-ace4e6543002"),
    "uuid4": ("a3bb189e-8bf9-4888-9912-ace4e6543002", "a3bb189e-8bf9-4888-7912-ace4e6543002"),
    "uuid5": ("a3bb189e-8bf9-5888-9912-ace4e6543002", "a3bb189e-8bf9-3888-9912-ace4e6543002"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_takes_what_it_should(name: str) -> None:
    good, bad = CASES[name]
    assert [text for text in good.split() if not FORMATS[name](text)] == []
    assert [text for text in bad.split() if FORMATS[name](text)] == []


def test_lengths_of_durations_are_those_of_go_and_scala() -> None:
    assert [nanoseconds(text) for text in ("1m", "2 minutes", "1d", "1 wk")] == [
        60 * 10**9,
        120 * 10**9,
        86400 * 10**9,
        604800 * 10**9,
    ]
