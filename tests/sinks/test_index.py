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
    return f"{digest_of(data)} {name}\0\n".encode()


def test_the_index_is_the_same_whether_a_run_changed_anything_or_not(tmp_path: Path) -> None:
    write(tmp_path, "a", "b")
    before = (tmp_path / INDEX).read_bytes()
    write(tmp_path, "a", "b")
    assert (tmp_path / INDEX).read_bytes() == before


def test_a_claim_that_was_torn_by_a_kill_is_dropped(tmp_path: Path) -> None:
    write(tmp_path, "a")
    whole = (tmp_path / INDEX).read_bytes()
    torn = claim("b", b"2")
    for length in range(1, len(torn)):
        (tmp_path / INDEX).write_bytes(whole + torn[:length])
        assert write(tmp_path, "a").finish()[Outcome.UNCHANGED] == 1
        assert (tmp_path / INDEX).read_bytes() == whole


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
        lambda data: data.replace(b"expander-index 1", b"expander-index 2"),
        lambda data: b"\0" * len(data),
        lambda data: data + b"rubbish\0\n",
        lambda data: data.replace(b" b\0", b" ../b\0"),
        lambda data: data + claim("/etc/passwd", b""),
        lambda data: data + claim(".bashrc", b""),
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
