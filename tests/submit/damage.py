"""What can happen to the bytes of a file."""

from collections.abc import Iterator


def damaged(
    whole: bytes, bits: tuple[int, ...] = (0x01, 0x20, 0x80), missing: bool = True
) -> Iterator[bytes]:
    """The same bytes with one of them flipped or missing, and cut off at each."""
    for at in range(len(whole)):
        for bit in bits:
            yield whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :]
        if missing:
            yield whole[:at] + whole[at + 1 :]
        yield whole[:at]
