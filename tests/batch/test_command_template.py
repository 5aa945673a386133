"""A command becomes the template that does what its words say, whatever they hold."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import expander
from expander.base.errors import InputError, ItemError, UsageError
from expander.base.yaml import load_documents
from expander.batch.command_template import command_job, command_template
from expander.batch.request import BatchRequest
from expander.items.load import ItemSpec, items
from expander.local.kubelet.env import expand
from expander.manifests.edits import THIS_MACHINE

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
marks = st.text("${}()$ IaA-b\n#:", max_size=8)
words = st.one_of(texts, marks)


def arguments(words: list[str], item: object = "apple", **options: object) -> list[str]:
    """The arguments that the program gets for an item."""
    template = command_template(["prog", *words], image="busybox", **options)  # type: ignore[arg-type]
    (manifest,) = expander.expand(template, [item])
    (container,) = manifest.tree["spec"]["template"]["spec"]["containers"]
    variables = {each["name"]: each.get("value", "") for each in container.get("env", ())}
    return [expand(word, variables) for word in container["command"][1:]]


@settings(max_examples=60)
@given(st.lists(words, max_size=3))
def test_each_word_arrives_as_it_is_typed_and_holes_get_the_item(given: list[str]) -> None:
    holes = any("{}" in word.replace("${}", "") for word in given)
    wanted = [word.replace("${}", "\0").replace("{}", "apple").replace("\0", "${}") for word in given]
    assert arguments(given) == (wanted if holes else [*wanted, "apple"])


@settings(max_examples=60)
@given(words)
def test_the_value_of_a_variable_arrives_as_it_is(value: str) -> None:
    template = command_template(["prog"], image="busybox", env={"A": "a", "B": f"{value}$ITEM${{ITEM.x}}"})
    (manifest,) = expander.expand(template, ["apple"])
    _, second = manifest.tree["spec"]["template"]["spec"]["containers"][0]["env"]
    assert expand(second["value"], {"A": "a"}) == f"{value}$ITEM${{ITEM.x}}"


@pytest.mark.parametrize(
    ("typed", "item", "got"),
    [
        (["{}.gz", "{}"], "a b", ["a b.gz", "a b"]),
        (["$ITEM", "${ITEM}x"], "-v", ["-v", "-vx"]),
        (["-n", "$INDEX"], "a", ["-n", "0"]),
        (["${ITEM.x}", "y=${ITEM.y}"], {"x": 1, "y": "two"}, ["1", "y=two"]),
        (["$$ITEM", "$ITEMS", "$$", "$(date)"], "a", ["$ITEM", "$ITEMS", "$$", "$(date)", "a"]),
        (["it's; rm -rf /", "*"], "$(id)", ["it's; rm -rf /", "*", "$(id)"]),
    ],
)
def test_holes_are_whole_words_or_parts_and_an_item_without_one_is_the_last_word(
    typed: list[str], item: object, got: list[str]
) -> None:
    assert arguments(typed, item) == got


def test_a_variable_that_is_set_can_be_used_as_in_a_manifest() -> None:
    assert arguments(["$(A)", "{}"], env={"A": "one"}) == ["one", "apple"]


def test_a_value_that_a_shell_would_run_is_refused_as_in_every_template() -> None:
    template = command_template(["sh", "-c", "echo {}"], image="busybox")
    with pytest.raises(expander.ItemError, match="could change what the shell script does"):
        list(expander.expand(template, ["a; id"]))


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        (["python3", "-c", "print('{}')"], 'put {} behind the script as an argument: "$1" in a shell'),
        (["ssh", "host", "ls", "{}"], "allow it with "),
        (["sh", "-c", "echo {}"], 'quote it: echo "$ITEM"'),
    ],
)
def test_a_refused_value_of_a_command_has_a_hint_that_fits_a_command(command: list[str], hint: str) -> None:
    with pytest.raises(ItemError) as found:
        list(expander.expand(command_template(command, image="busybox"), ["a;b"]))
    assert found.value.hint is not None
    assert found.value.hint.startswith(hint)
    assert "env: value" not in found.value.hint


def test_options_are_the_fields_of_the_same_name() -> None:
    job = command_job(
        ["/usr/bin/Train_it", "{}"],
        {
            "image": "torch:2",
            "env": {"LR": "0.1", "EMPTY": ""},
            "requests": {"cpu": "1"},
            "limits": {"memory": "1Gi"},
            "restart": "OnFailure",
            "backoff_limit": 3,
            "group_label": "team",
        },
    )
    assert job["metadata"] == {"name": "train-it-${ITEM}", "labels": {"team": "train-it"}}
    assert job["spec"]["backoffLimit"] == 3
    assert job["spec"]["template"]["spec"] == {
        "restartPolicy": "OnFailure",
        "containers": [
            {
                "name": "train-it",
                "image": "torch:2",
                "command": ["/usr/bin/Train_it", "${ITEM}"],
                "env": [{"name": "LR", "value": "0.1"}, {"name": "EMPTY"}],
                "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}},
            }
        ],
    }


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["gzip"], "gzip-${ITEM}"),
        (["./a.out", "$ITEM.txt"], "a-out-$ITEM.txt"),
        (["train", "${ITEM.lr}", "${ITEM.seed}", "${ITEM.lr}"], "train-${ITEM.lr}-${ITEM.seed}"),
        (["convert", "{}", "${ITEM.stem}.png"], "convert-${ITEM}"),
        (["{}", "--version"], "command-${ITEM}"),
        (["\u00fcn\u00efx", "{}"], "unix-${ITEM}"),
        (["\u7a0b\u5e8f", "{}"], "command-${ITEM}"),
    ],
)
def test_jobs_are_named_by_the_program_and_what_of_the_item_it_gets(command: list[str], name: str) -> None:
    assert command_job(command, {})["metadata"]["name"] == name


def test_without_an_image_the_command_runs_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / "$ITEM's $(A) {}"
    odd.mkdir()
    monkeypatch.chdir(odd)
    (manifest,) = expander.expand(command_template(["ls"]), ["a"])
    pod = manifest.tree["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert (container["image"], container["workingDir"]) == (THIS_MACHINE, os.getcwd())
    assert container["volumeMounts"][0]["mountPath"] == pod["volumes"][0]["hostPath"]["path"] == os.getcwd()
    monkeypatch.chdir("/")
    (document,) = load_documents(command_template(["ls"]).text, "t")
    assert "volumes" not in document.data["spec"]["template"]["spec"]  # the machine stays read-only


@pytest.mark.parametrize(
    ("command", "options", "words"),
    [
        ([], {}, "expected a command as a list of words"),
        ("gzip {}", {}, "expected a command as a list of words"),
        (["", "a"], {}, "expected a command as a list of words"),
        (["ls", "\udcff"], {}, "must be UTF-8 text"),
        (["ls"], {"name": "Not_a_name"}, "invalid name 'Not_a_name': at most 63 lower-case letters"),
    ],
)
def test_what_cannot_be_a_command_is_refused(command: list[str], options: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        command_template(command, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        (["zcat {} | wc -l"], "a shell takes command lines: sh -c 'zcat {} | wc -l'"),
        (["bwa mem", "-t", "a b"], "each argument is a word of its own: bwa mem -t 'a b'"),
    ],
)
def test_a_command_line_in_place_of_a_program_is_refused(command: list[str], hint: str) -> None:
    for image in (None, "busybox"):
        with pytest.raises(UsageError, match="no program is called") as refused:
            command_template(command, image=image)
        assert refused.value.hint == hint


def test_a_program_may_have_a_blank_in_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my tool").touch()
    assert command_template(["./my tool"]).text
    assert command_template(["/opt/my tool"], image="busybox").text
    with pytest.raises(UsageError, match="no program is called '/opt/my tool'"):
        command_template(["/opt/my tool"])


def test_an_unknown_column_is_an_error_of_the_template() -> None:
    with pytest.raises(InputError, match=r"unknown column 'z' in \$\{ITEM.z\}; columns are x"):
        list(expander.expand(command_template(["ls", "${ITEM.z}"]), [{"x": 1}]))


def names(command: list[str], rows: list[Any], **options: Any) -> list[str]:
    template = command_template(command, image="busybox")
    return [made.name for made in expander.expand(template, rows, **options)]


LANES = [{"sample": sample, "lane": lane, "reads": 7} for sample in ("HG1", "HG2") for lane in ("L1", "L2")]
BY_LANE = ["echo-hg1-l1", "echo-hg1-l2", "echo-hg2-l1", "echo-hg2-l2"]


def test_names_take_further_columns_where_those_of_the_command_do_not_tell_items_apart() -> None:
    echo = ["echo", "${ITEM.sample}"]
    assert names(echo, LANES) == BY_LANE
    assert sorted(names(echo, LANES[::-1])) == BY_LANE
    assert names(echo, LANES[::2]) == ["echo-hg1", "echo-hg2"]
    assert names(echo, [{"s": 1} | row for row in LANES]) == BY_LANE
    assert names(["echo", "$INDEX", "${ITEM.sample}"], LANES)[1] == "echo-1-hg1"
    assert names(echo, LANES, shape="chunks=2")


def test_names_have_the_columns_of_a_key_that_is_given() -> None:
    echo = ["echo", "${ITEM.sample}"]
    assert names(echo, LANES, key=["sample", "lane"]) == names(echo, LANES, key="sample") == BY_LANE
    assert names(echo, LANES[::2], key="reads") == ["echo-hg1-7", "echo-hg2-7"]


def test_a_part_of_the_rows_has_the_names_of_all(tmp_path: Path) -> None:
    (tmp_path / "lanes.csv").write_text("sample,lane\na,1\na,2\nb,1\n")
    found = items(ItemSpec(sources=(str(tmp_path / "lanes.csv"),), slice="2:3"))
    made = BatchRequest(batch=command_template(["ls", "${ITEM.sample}"], image="x"), items=found)
    assert [each.name for each in made.manifests(print)] == ["ls-b-1"]


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["a", "b", "c{", "d"]),
            st.sampled_from(["x", "X", "x-x", "", 1, None, [1]]),
            min_size=2,
        ).map(lambda row: {"a": "x"} | row),
        max_size=8,
    )
)
def test_rows_of_any_columns_have_a_name_or_an_error(rows: list[dict[str, Any]]) -> None:
    errors: list[Any] = []
    template = command_template(["ls", "${ITEM.a}"], image="busybox")
    made = list(expander.expand(template, rows, on_error=errors.append))
    assert len({each.name for each in made}) == len(made) == len(rows) - len(errors)


def test_of_a_row_that_is_there_twice_the_second_is_refused_without_a_word_of_the_template() -> None:
    errors: list[Any] = []
    template = command_template(["ls", "${ITEM.sample}"], image="busybox")
    made = list(expander.expand(template, [*LANES, LANES[0]], on_error=errors.append))
    assert [each.name for each in made] == [each.replace("echo", "ls") for each in BY_LANE]
    (error,) = errors
    assert "metadata" not in str(error)
    assert "<command>" not in str(error)
    assert error.problems[0].hint == (
        "use what differs between items in the command or as key ($INDEX always does)"
    )
