"""SPDY/3.1 frames: what one side writes the other reads, and what makes no sense is refused."""

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.local.kubelet.streaming.spdy import (
    DATA,
    DICTIONARY,
    FIN,
    MAX_FRAME_BYTES,
    MAX_HEADER_BYTES,
    PING,
    RST_STREAM,
    SYN_STREAM,
    Frame,
    Reader,
    SpdyError,
    Writer,
)

ADLER32 = 0xE3C6A7C2
"""By which zlib tells the dictionary of SPDY/3 from others."""


def opened(packer: "zlib._Compress", stream: int, headers: dict[str, str]) -> bytes:
    """The frame by which a client opens a stream."""
    texts = [struct.pack(">I", len(headers))]
    for text in (each.encode() for pair in headers.items() for each in pair):
        texts += [struct.pack(">I", len(text)), text]
    block = packer.compress(b"".join(texts)) + packer.flush(zlib.Z_SYNC_FLUSH)
    body = struct.pack(">IIH", stream, 0, 0) + block
    return struct.pack(">II", 0x80030001, len(body)) + body


def test_the_dictionary_is_that_of_the_specification() -> None:
    assert zlib.adler32(DICTIONARY) == ADLER32


@given(
    streams=st.lists(
        st.tuples(
            st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=4), st.binary(max_size=99)
        ),
        max_size=5,
    ),
    size=st.integers(1, 50),
)
def test_frames_arrive_however_the_bytes_are_cut(
    streams: list[tuple[dict[str, str], bytes]], size: int
) -> None:
    packer, writer, reader = zlib.compressobj(zdict=DICTIONARY), Writer(), Reader()
    sent, expected = b"", []
    for number, (headers, data) in enumerate(streams):
        sent += opened(packer, 2 * number + 1, headers)
        sent += writer.data(2 * number + 1, data, last=True) + writer.ping(number) + writer.reset(number)
        expected += [
            Frame(SYN_STREAM, 2 * number + 1, headers=headers),
            Frame(DATA, 2 * number + 1, FIN, data),
            Frame(PING, number, data=struct.pack(">I", number)),
            Frame(RST_STREAM, number, data=struct.pack(">II", number, 1)),
        ]
    found = [frame for at in range(0, len(sent), size) for frame in reader.feed(sent[at : at + size])]
    assert found == expected


@pytest.mark.parametrize(
    "data",
    [
        struct.pack(">II", 1, MAX_FRAME_BYTES + 1),
        struct.pack(">II", 0x80020001, 0),
        struct.pack(">II", 0x80030001, 14) + b"\0" * 10 + b"abcd",
        opened(zlib.compressobj(zdict=DICTIONARY), 1, {"a": "b" * MAX_HEADER_BYTES}),
    ],
    ids=["too long", "another version", "not packed", "a bomb"],
)
def test_nonsense_is_refused(data: bytes) -> None:
    with pytest.raises(SpdyError):
        list(Reader().feed(data))
