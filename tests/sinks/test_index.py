"""An index that is torn, damaged, forged or in use."""

from __future__ import annotations

from pathlib import Path

import pytest

from expander.base.errors import OutputError
from expander.sinks.directory import DirectorySink, Outcome
from expander.sinks.folder import digest_of
from expander.sinks.index import INDEX


def write(folder: Path, *names: str, data: bytes = b"1", prune: bool = False) -> DirectorySink:
    with DirectorySink(folder, prune=prune) as sink:
        sink.write_many((name, data) for name in names)
    return sink


def claim(name: str, data: bytes) -> bytes:
    return f"{digest_of(data)} - {name}\0\n".encode()


def files_in(folder: Path) -> list[tuple[str, str]]:
    """The files on record, with their digests."""
    records = (folder / INDEX).read_bytes().decode().split("\0\n")[1:-2]
    return [(name, digest) for digest, _, name in (record.split(" ", 2) for record in records)]


def test_a_claim_that_was_torn_by_a_kill_is_dropped(tmp_path: Path) -> None:
    write(tmp_path, "a")
    whole = (tmp_path / INDEX).read_bytes()
    files = files_in(tmp_path)
    torn = claim("b", b"2")
    for length in range(1, len(torn)):
        (tmp_path / INDEX).write_bytes(whole + torn[:length])
        assert write(tmp_path, "a").finish()[Outcome.UNCHANGED] == 1
        assert files_in(tmp_path) == files == [("a", digest_of(b"1"))]


def test_what_a_dead_run_has_noted_is_ours_though_changed_since(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(b"changed")
    done = f"{digest_of(b'1')} 1.2.3.4.5 a\0\n".encode()
    index = b"expander-index 2\0\ncomplete 0\0\n" + claim("a", b"1") + done + claim("b", b"1")
    (tmp_path / INDEX).write_bytes(index)
    assert write(tmp_path, "a").finish()[Outcome.CHANGED] == 1
    with pytest.raises(OutputError, match="not written by an earlier run"):
        write(tmp_path, "b")


def test_an_index_of_the_first_form_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b c").write_bytes(b"edited")
    (tmp_path / "d").write_bytes(b"3")
    (tmp_path / "theirs").write_bytes(b"x")
    first, second, third = (digest_of(data) for data in (b"1", b"2", b"3"))
    index = f"expander-index 1\0\n{first} a\0\n{second} b c\0\ncomplete 2\0\n{third} d\0\n{third} theirs\0\n"
    (tmp_path / INDEX).write_bytes(index.encode())
    sink = write(tmp_path, "a", "b c", "d")
    assert [sink.finish()[each] for each in (Outcome.UNCHANGED, Outcome.CHANGED)] == [1, 2]
    assert sorted(files_in(tmp_path)) == [(name, first) for name in ("a", "b c", "d")]
    with pytest.raises(OutputError, match="not written by an earlier run"):
        write(tmp_path, "theirs")


def test_claims_that_came_true_are_ours(tmp_path: Path) -> None:
    write(tmp_path, "a", "b")
    (tmp_path / "a").write_bytes(b"2")
    (tmp_path / "c").write_bytes(b"2")
    with (tmp_path / INDEX).open("ab") as index:
        index.write(b"".join(claim(name, b"2") for name in "abc"))
    sink = write(tmp_path, prune=True)
    assert sorted(sink.removed) == ["a", "b", "c"]


def test_claims_that_did_not_come_true_do_not_make_a_file_ours(tmp_path: Path) -> None:
    write(tmp_path, "a")
    (tmp_path / "theirs").write_bytes(b"x")
    with (tmp_path / INDEX).open("ab") as index:
        index.write(claim("theirs", b"2") + claim("missing", b"2"))
    with pytest.raises(OutputError, match="not written by an earlier run"):
        write(tmp_path, "theirs")
    assert write(tmp_path, prune=True).removed == ["a"]
    assert (tmp_path / "theirs").read_bytes() == b"x"


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[5:],
        lambda data: data.replace(b"complete 2", b"complete 3"),
        lambda data: data.replace(b" b\0", b"-b\0"),
        lambda data: data.replace(b"expander-index 2", b"expander-index 3"),
        lambda data: b"\0" * len(data),
        lambda data: data + b"rubbish\0\n",
        lambda data: data.replace(b" b\0", b" ../b\0"),
        lambda data: data + claim("/etc/passwd", b""),
        lambda data: data + claim(".bashrc", b""),
        lambda data: data + claim("c", b"").replace(b" - ", b" 1.2 "),
    ],
)
def test_a_damaged_or_forged_index_is_an_error_that_says_what_to_do(tmp_path: Path, damage) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path / "jobs"
    write(folder, "a", "b")
    (tmp_path / "b").write_bytes(b"1")
    (folder / INDEX).write_bytes(damage((folder / INDEX).read_bytes()))
    with pytest.raises(OutputError, match="is damaged") as caught:
        write(folder, prune=True)
    assert str(folder / INDEX) in str(caught.value)
    assert caught.value.problems[0].hint
    assert (folder / "b").exists()
    assert (tmp_path / "b").exists()
    (folder / INDEX).unlink()
    assert write(folder, "a", "b").finish()[Outcome.UNCHANGED] == 2


def test_an_index_that_was_only_just_made_is_empty(tmp_path: Path) -> None:
    (tmp_path / INDEX).touch()
    assert write(tmp_path, "a").finish()[Outcome.CREATED] == 1


def test_an_index_that_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / INDEX).mkdir()
    with pytest.raises(OutputError, match=INDEX), DirectorySink(tmp_path):
        pass


def test_a_second_run_at_the_same_time_gets_one_clear_error_and_the_first_goes_on(tmp_path: Path) -> None:
    with DirectorySink(tmp_path) as sink:
        sink.write("a", b"1")
        (tmp_path / ".expander-tmp").write_bytes(b"of the living")
        for _ in range(2):
            with pytest.raises(OutputError, match="another run is writing to"), DirectorySink(tmp_path):
                pass
        assert (tmp_path / ".expander-tmp").read_bytes() == b"of the living"
        (tmp_path / ".expander-tmp").unlink()
        sink.write("b", b"2")
        sink.finish()
        with pytest.raises(OutputError, match="another run"), DirectorySink(tmp_path):
            pass
    assert write(tmp_path, "a").finish()[Outcome.UNCHANGED] == 1
