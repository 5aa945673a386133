"""Results as files: what is written, what is kept, what is asked for again."""

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.base.errors import ExpanderError, OutputError
from expander.group.results import collect_all, collect_job, read_results, write_atomically
from expander.group.retry.plan import RetryCandidate
from expander.group.saved_logs import attempt_folder, save_logs
from expander.group.table import as_json_lines
from expander.manifests.names import file_name
from tests.group.fakes import FakeReader, job, pod


def tree(folder: Path) -> dict[str, str]:
    """The text of each file below a folder."""
    return {
        str(path.relative_to(folder)): path.read_text(errors="replace")
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in (".job", "result.json")
    }


def test_an_item_has_its_output_each_containers_log_and_its_termination_message(tmp_path: Path) -> None:
    done = job("a-apple", item="apple")
    pods = [pod(done, 0, containers=("main", "side"), message="42 pips")]
    collected = collect_job(done, pods, FakeReader([done], pods), tmp_path)
    assert collected.new == 1
    assert tree(tmp_path) == {
        "apple/stdout": "a-apple-1 main\n",
        "apple/main.1.log": "a-apple-1 main\n",
        "apple/side.1.log": "a-apple-1 side\n",
        "apple/message": "42 pips",
    }
    row = collected.rows[0]
    assert (row["state"], row["exitCode"], row["folder"], row["bytes"]) == ("Complete", 0, "apple", 15)
    assert (row["terminationMessage"], row["attempts"]) == ("42 pips", 1)


def test_every_attempt_is_kept_and_the_one_that_succeeded_is_the_items_output(tmp_path: Path) -> None:
    done = job("a", item="apple")
    pods = [pod(done, 0, number=2), pod(done, 7, number=1), pod(done, 9, number=3)]
    collect_job(done, pods, FakeReader([done], pods), tmp_path)
    assert tree(tmp_path) == {
        "apple/stdout": "a-2 main\n",
        "apple/main.1.log": "a-1 main\n",
        "apple/main.2.log": "a-2 main\n",
        "apple/main.3.log": "a-3 main\n",
    }


def test_the_start_before_a_restart_is_kept_too(tmp_path: Path) -> None:
    done = job("a", item="apple")
    pods = [pod(done, 0, restarts=2)]
    collect_job(done, pods, FakeReader([done], pods), tmp_path)
    assert tree(tmp_path)["apple/main.1.previous.log"] == "a-1 main before\n"


def test_a_second_call_asks_for_nothing_and_an_unfinished_item_waits(tmp_path: Path) -> None:
    done, busy = job("a", item="apple"), job("b", "Active", item="banana")
    pods = [pod(done)]
    reader = FakeReader([done, busy], [*pods, pod(busy, None)])
    assert collect_job(done, pods, reader, tmp_path).new == 1
    assert collect_job(busy, [pod(busy, None)], reader, tmp_path).rows == []
    reader.asked.clear()
    again = collect_job(done, pods, reader, tmp_path)
    assert (again.new, again.rows[0]["item"], reader.asked) == (0, "apple", [])
    assert [row["item"] for row in read_results(tmp_path)] == ["apple"]


def test_collected_results_have_numbers_as_they_were_written(tmp_path: Path) -> None:
    done = job("a", item='{"version": 1.10}')
    for _ in range(2):
        (row,) = collect_job(done, [], FakeReader([done], []), tmp_path).rows
        assert "".join(as_json_lines([row])).count('"version": 1.10}') == 1


def test_a_log_that_cannot_be_read_leaves_the_item_for_the_next_call(tmp_path: Path) -> None:
    done = job("a", item="apple")
    pods = [pod(done, 3, number=1), pod(done, number=2)]
    reader = FakeReader([done], pods)
    reader.logs["a-2", "main"] = ExpanderError("no answer")
    with pytest.raises(ExpanderError, match="no answer"):
        collect_job(done, pods, reader, tmp_path)
    assert list(read_results(tmp_path)) == []
    assert tree(tmp_path) == {"apple/main.1.log": "a-1 main\n"}
    del reader.logs["a-2", "main"]
    assert collect_job(done, pods, reader, tmp_path).new == 1
    assert tree(tmp_path)["apple/stdout"] == "a-2 main\n"


def test_a_job_that_was_made_anew_is_collected_again_and_its_attempts_number_on(tmp_path: Path) -> None:
    first = job("a", "Failed", item="apple")
    pods = [pod(first, 1, message="bad")]
    collect_job(first, pods, FakeReader([first], pods), tmp_path)
    second = job("a", item="apple")
    second["metadata"]["uid"] = "another"
    pods = [pod(second, 0, number=8)]
    row = collect_job(second, pods, FakeReader([second], pods), tmp_path).rows[0]
    assert tree(tmp_path) == {
        "apple/stdout": "a-8 main\n",
        "apple/main.1.log": "a-1 main\n",
        "apple/main.2.log": "a-8 main\n",
    }
    assert (row["state"], [file["attempt"] for file in row["files"]]) == ("Complete", [1, 2])


def test_an_indexed_job_has_a_folder_and_a_row_for_each_index_that_ended(tmp_path: Path) -> None:
    part = job("words", "Active", completionMode="Indexed", completions=4)
    part["status"] |= {"completedIndexes": "0,2", "failedIndexes": "1"}
    pods = [pod(part, 0, index=0), pod(part, 5, index=1), pod(part, 0, index=2), pod(part, None, index=3)]
    rows = collect_job(part, pods, FakeReader([part], pods), tmp_path).rows
    assert [(row["index"], row["state"], row["exitCode"], row["folder"]) for row in rows] == [
        (0, "Complete", 0, "words/0"),
        (1, "Failed", 5, "words/1"),
        (2, "Complete", 0, "words/2"),
    ]
    assert tree(tmp_path)["words/1/stdout"] == "words-1-1 main\n"
    assert [row["folder"] for row in read_results(tmp_path)] == ["words/0", "words/1", "words/2"]


@pytest.mark.parametrize(
    "item",
    [
        "..",
        ".",
        "../../etc",
        "a/b",
        "A",
        "a\0b",
        "results.csv",
        ".job",
        "x" * 4000,
        "é\n",
        "con\udce9",
        "-rf",
    ],
)
def test_whatever_the_item_is_its_files_stay_in_the_folder(tmp_path: Path, item: str) -> None:
    folder = tmp_path / "out"
    done = job("a", item=item)
    pods = [pod(done)]
    row = collect_job(done, pods, FakeReader([done], pods), folder).rows[0]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    (only,) = folder.iterdir()
    assert only.name == row["folder"]
    assert only.name not in ("results.csv", ".job")
    assert (only / "stdout").read_text() == "a-1 main\n"
    assert json.loads((only / "result.json").read_bytes().decode("utf-8", "surrogatepass"))["item"] == item


def test_two_jobs_with_one_item_get_a_folder_each_and_keep_it(tmp_path: Path) -> None:
    jobs = [job("a", item="apple"), job("b", item="apple")]
    pods = [pod(each) for each in jobs]
    reader = FakeReader(jobs, pods)
    for _ in range(2):
        for one, its in zip(jobs, pods, strict=True):
            collect_job(one, [its], reader, tmp_path)
    assert sorted(row["name"] for row in read_results(tmp_path)) == ["a", "b"]
    assert len(reader.asked) == 2


def test_a_folder_that_cannot_be_written_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    done = job("a", item="apple")
    with pytest.raises(OutputError, match=r"out/apple: Not a directory"):
        collect_job(done, [pod(done)], FakeReader([done], []), tmp_path / "out")


def test_items_whose_pods_are_gone_are_counted_and_those_that_never_had_one_are_not(tmp_path: Path) -> None:
    gone, never = job("gone"), job("never", "Failed")
    gone["status"]["succeeded"] = 1
    counts = collect_all(FakeReader([gone, never], []), [[gone, never]], tmp_path, lambda error: None)
    assert (counts.new, counts.podless) == (2, 1)


HOSTILE_PARTS = st.lists(
    st.sampled_from(["..", ".", "/", "~", "\0", "\n", "etc", "a" * 300, "C:\\", "%2e%2e", "\u2024", "ü", " "])
    | st.text(max_size=5),
    min_size=1,
    max_size=6,
).map("/".join)


def files_below(folder: Path) -> set[Path]:
    return {path.resolve() for path in folder.rglob("*")}


@given(HOSTILE_PARTS, HOSTILE_PARTS, HOSTILE_PARTS)
def test_no_name_from_a_server_leads_out_of_the_folder(item: str, name: str, container: str) -> None:
    with TemporaryDirectory() as place:
        folder = Path(place) / "a" / "out"
        folder.mkdir(parents=True)
        done = job(name, "Failed", item=item)
        done["metadata"]["namespace"] = name
        pods = [pod(done, 1, containers=(container,), message="m", restarts=1)]
        reader = FakeReader([done], pods)
        collect_job(done, pods, reader, folder)
        candidate = RetryCandidate({}, "uid", done)
        assert [why for _, why in save_logs(reader, [candidate], folder, 1)] == [None]
        assert attempt_folder(folder, done).resolve().is_relative_to(folder.resolve())
        everything = files_below(Path(place))
        assert everything == {folder.resolve(), folder.parent.resolve(), *files_below(folder)}


def test_files_of_containers_with_hostile_names_are_kept_apart(tmp_path: Path) -> None:
    done = job("a", item="apple")
    names = ("../../c", "../c", "..", "c")
    pods = [pod(done, 0, containers=names)]
    collect_job(done, pods, FakeReader([done], pods), tmp_path)
    assert sorted(tree(tmp_path).values()) == sorted(["a-1 ../../c\n", *(f"a-1 {name}\n" for name in names)])


@pytest.mark.parametrize(
    "key", ["HG001", "left kidney", "lr=0.1,batch=32", "Müller", "日本", "it's; rm", "a" * 200]
)
def test_a_key_that_every_file_system_takes_names_its_folder(key: str, tmp_path: Path) -> None:
    assert file_name(key) == key
    (tmp_path / key).mkdir()


@given(st.text(alphabet=st.characters(codec=None), max_size=300))
def test_any_key_names_one_folder_that_can_be_made_and_is_no_option(key: str) -> None:
    name = file_name(key)
    assert Path(name).name == name
    assert name[0] not in "-.~ "
    assert not set(name) & set('/\\<>:"|?*\n')
    assert len(name.encode("utf-8")) <= 200
    assert name == file_name(name)


def test_a_link_stays_and_the_file_that_it_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link = tmp_path / "report.xml"
    link.symlink_to("there/real.xml")
    for data in (b"one", b"two"):  # the first makes the file
        assert write_atomically(link, [data]) == 3
        assert link.is_symlink()
        assert (tmp_path / "there/real.xml").read_bytes() == data
    assert [each.name for each in (tmp_path / "there").iterdir()] == ["real.xml"]


def test_what_is_no_file_is_written_to_and_never_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    assert write_atomically(pipe, [b"all of ", b"it"]) == 9
    reader.join()
    assert read == [b"all of it"]
    assert pipe.is_fifo()
    with pytest.raises(OutputError, match="Is a directory"):
        write_atomically(tmp_path, [b"x"])


def test_an_open_file_by_its_descriptor_gets_the_data(tmp_path: Path) -> None:
    with open(tmp_path / "out", "w+b") as file:
        write_atomically(Path(f"/dev/fd/{file.fileno()}"), [b"seen"])
        assert file.read() == b"seen"
    assert [each.name for each in tmp_path.iterdir()] == ["out"]
