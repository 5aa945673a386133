"""What a log is on the page: the same text, however it arrives."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from expander.group.report_data import plain_text
from expander.ui.log_stream import log_texts

LOG = (
    "\x1b[1;31mred\x1b[0m\r\n\x1b]0;title\x07née \u202e\x00<b>\x1b]8;;x\x1b\\link\r\n10%\r20%\r\nend".encode()
    + b"\xff\xe2"
)


@given(st.lists(st.integers(0, len(LOG)), max_size=8))
def test_a_log_reads_the_same_wherever_its_pieces_end(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(LOG)]
    pieces = [LOG[start:end] for start, end in pairwise(edges)]
    assert "".join(log_texts(pieces)) == plain_text(LOG.decode(errors="replace"))
