"""Job output on a terminal."""

import pytest

from expander.cli.output.terminal import harmless


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        (b"plain\ttext\n", b"plain\ttext\n"),
        ("käse 日本\n".encode(), "käse 日本\n".encode()),
        (b"\x1b[31mred\x1b[0m\n", b"\x1b[31mred\x1b[0m\x1b[0m\n"),
        (b"\x1b[1;32mgreen\nnext\n", b"\x1b[1;32mgreen\x1b[0m\nnext\n"),
        (b"\x1b[2Jgone\n", b"^[[2Jgone\n"),
        (b"\x1b]0;title\x07\n", b"^[]0;title^G\n"),
        (b"\x1b]8;;http://x\x1b\\link\n", b"^[]8;;http://x^[\\link\n"),
        (b"10%\r20%\n", b"10%^M20%\n"),
        (b"dos\r\n", b"dos\n"),
        (b"a\x08b\x7f\n", b"a^Hb^?\n"),
        (b"\x9b2J\n", b"\\x9b2J\n"),
        ("\x9b2J\n".encode(), b"\\x9b2J\n"),
        ("\u202egnp.exe\n".encode(), b"\\u202egnp.exe\n"),
        (b"\x1b\n[2J\n", b"^[\n[2J\n"),
    ],
)
def test_only_colors_reach_the_terminal(output: bytes, shown: bytes) -> None:
    assert harmless(output) == shown
