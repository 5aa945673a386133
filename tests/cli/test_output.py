"""What stands before the lines of a log."""

from expander.cli.logs import LogOutput


def test_a_long_name_keeps_its_end_which_tells_attempts_apart() -> None:
    output = LogOutput()
    first, second = (output.prefix(f"{'x' * 100}/17 #{number}") for number in (2, 3))
    assert first.endswith(b"/17 #2] ")
    assert first != second
    assert len(first) == 63


def test_a_short_name_stands_as_it_is() -> None:
    assert LogOutput().prefix("apple") == b"[apple] "
