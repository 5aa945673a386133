"""`expander expand` as users call it."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from expander.base.yaml import load_documents
from expander.local.runtime.bubblewrap import Bubblewrap, find_bubblewrap
from tests.cli.program import EXPANDER, run

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "examples/01-expansion/job-tmpl.yaml").read_text()
ENV = PAGE.replace(
    'command: ["sh", "-c", "echo Processing item $ITEM && sleep 5"]', "env: [{name: X, value: $ITEM}]"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "job-tmpl.yaml").write_text(PAGE)
    (tmp_path / "env.yaml").write_text(ENV)
    shutil.copy(ROOT / "examples/02-jinja2/job.yaml.jinja2", tmp_path)
    return tmp_path


def names(text: str) -> list[str]:
    return [document.data["metadata"]["name"] for document in load_documents(text, "out")]


def test_a_source_without_items_is_named_and_an_empty_file_is_an_error(folder: Path) -> None:
    (folder / "head.csv").write_text("sample,lane\n")
    (folder / "empty.yaml").touch()
    for command in ("expand", "run", "plan"):
        answer = run(command, "env.yaml", "-i", "head.csv", cwd=folder)
        assert answer.code == 0
        assert answer.err.startswith("warning: head.csv: no items\n")
    both = run("expand", "env.yaml", "-i", "a=1-3", "-i", "b=head.csv", cwd=folder)
    assert (both.code, both.out, both.err) == (0, "", "warning: head.csv: no items\n")
    piped = run("expand", "env.yaml", "-i", "-", cwd=folder)
    assert (piped.code, piped.err) == (0, "warning: <stdin>: no items\n")
    for words in (
        ["run", "empty.yaml"],
        ["submit", "empty.yaml", "--dry-run=client"],
        ["validate", "empty.yaml"],
    ):
        answer = run(*words, cwd=folder)
        assert (answer.code, answer.out) == (2, "")
        assert answer.err.startswith("error: empty.yaml: the file is empty\n")
    answer = run("expand", "empty.yaml", "a", cwd=folder)
    assert (answer.code, answer.err) == (2, "error: empty.yaml: the template has no documents\n")


def test_a_name_that_is_far_too_long_is_cut_in_the_message(folder: Path) -> None:
    (folder / "long.yaml").write_text(ENV.replace("process-item-", "x" * 300 + "-"))
    answer = run("expand", "long.yaml", "a", cwd=folder)
    assert answer.code == 1
    assert f"metadata.name: '{'x' * 97}...' cannot become a DNS-1123" in answer.err


def test_the_pages_template_and_items_give_three_files(folder: Path) -> None:
    answer = run("expand", "job-tmpl.yaml", "apple", "banana", "cherry", "-o", "jobs", cwd=folder)
    assert (answer.code, answer.out, answer.err) == (0, "", "")
    files = sorted(path.name for path in (folder / "jobs").iterdir() if not path.name.startswith("."))
    assert files == ["job-apple.yaml", "job-banana.yaml", "job-cherry.yaml"]


def test_the_pages_jinja2_template_goes_to_standard_output_as_a_stream(folder: Path, kubectl: str) -> None:
    answer = run("expand", "job.yaml.jinja2", cwd=folder)
    assert answer.code == 0
    assert answer.out.count("---\n") == 3
    read = subprocess.run(
        [kubectl, "annotate", "--local", "-f", "-", "a=b", "-o", "name"],
        input=answer.out,
        text=True,
        capture_output=True,
        check=True,
    )
    assert read.stdout.split() == [f"job.batch/jobexample-{name}" for name in ("apple", "banana", "cherry")]


def test_kubectl_reads_the_same_strings_from_yaml_and_from_json_lines(folder: Path, kubectl: str) -> None:
    items = ["123", "yes", "1e3", "null", "0o10", "a: b", "- x", "é\u2028", "#", "multi\nline", "'", '"']
    for output in ("yaml", "json"):
        answer = run("expand", "env.yaml", "-o", output, "--", *items, cwd=folder)
        assert answer.code == 0, answer.err
        read = subprocess.run(
            [kubectl, "annotate", "--local", "-f", "-", "a=b", "-o", "jsonpath={.metadata.annotations}{'\\n'}"],
            input=answer.out, text=True, capture_output=True, check=True,
        )  # fmt: skip
        found = [json.loads(line)["expander/item"] for line in read.stdout.splitlines()]
        assert found == items


@pytest.mark.parametrize("source", ["-i", "--items"])
def test_items_come_from_standard_input(folder: Path, source: str) -> None:
    assert names(run("expand", "job-tmpl.yaml", source, "-", cwd=folder, stdin="a\nb\n").out) == [
        "process-item-a",
        "process-item-b",
    ]


def test_a_template_comes_from_standard_input(folder: Path) -> None:
    assert names(run("expand", "-", "a", cwd=folder, stdin=PAGE).out) == ["process-item-a"]
    template = (folder / "job.yaml.jinja2").read_text()
    assert len(names(run("expand", "-", "--engine", "jinja2", cwd=folder, stdin=template).out)) == 3
    both = run("expand", "-", "-i", "-", cwd=folder, stdin=PAGE)
    assert both.code == 2
    assert "cannot read both the template and the items" in both.err


def test_item_files_are_known_by_their_extension(folder: Path) -> None:
    (folder / "t.yaml").write_text(
        PAGE.replace("process-item-$ITEM", "j-${ITEM.name}").replace("$ITEM &&", "${ITEM.name} &&")
    )
    for name, text in (("i.csv", "name,n\na,1\n"), ("i.tsv", "name\tn\na\t1\n"), ("i.json", '[{"name":"a","n":1}]'),
                       ("i.jsonl", '{"name":"a","n":1}\n'), ("i.yaml", "- {name: a, count: 1}\n")):  # fmt: skip
        (folder / name).write_text(text)
        answer = run("expand", "t.yaml", "-i", name, cwd=folder)
        assert names(answer.out) == ["j-a"], answer.err


def test_sources_are_combined(folder: Path) -> None:
    (folder / "t.yaml").write_text(
        PAGE.replace("process-item-$ITEM", "j-${ITEM.rate}-${ITEM.seed}").replace("item $ITEM", "x")
    )
    answer = run(
        "expand",
        "t.yaml",
        "-i",
        "rate=fast,slow",
        "-i",
        "seed=1-3",
        "--exclude",
        "rate=slow,seed=2",
        cwd=folder,
    )
    assert names(answer.out) == ["j-fast-1", "j-fast-2", "j-fast-3", "j-slow-1", "j-slow-3"]


def test_a_second_run_changes_nothing_and_prune_removes_what_is_gone(folder: Path) -> None:
    run("expand", "job-tmpl.yaml", "a", "b", "-o", "jobs", cwd=folder)
    (folder / "jobs" / "mine.yaml").write_text("kept")
    before = (folder / "jobs/job-a.yaml").stat()
    assert run("expand", "job-tmpl.yaml", "a", "-o", "jobs", "--prune", cwd=folder).code == 0
    after = (folder / "jobs/job-a.yaml").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert not (folder / "jobs/job-b.yaml").exists()
    assert (folder / "jobs/mine.yaml").read_text() == "kept"


def test_an_edited_file_that_prune_keeps_is_named(folder: Path) -> None:
    run("expand", "job-tmpl.yaml", "a", "b", "c", "-o", "jobs", cwd=folder)
    (folder / "jobs/job-b.yaml").write_text("edited")
    answer = run("expand", "job-tmpl.yaml", "a", "-o", "jobs", "--prune", cwd=folder)
    assert (answer.code, answer.err) == (0, "warning: --prune keeps what was edited: jobs/job-b.yaml\n")
    assert sorted(path.name for path in folder.glob("jobs/*")) == [
        ".expander-index",
        "job-a.yaml",
        "job-b.yaml",
    ]


def test_nothing_is_pruned_when_an_item_failed(folder: Path) -> None:
    run("expand", "job-tmpl.yaml", "a", "b", "-o", "jobs", cwd=folder)
    answer = run("expand", "job-tmpl.yaml", "a", "x;y", "-o", "jobs", "--prune", cwd=folder)
    assert answer.code == 1
    assert (folder / "jobs/job-b.yaml").exists()


def test_hostile_items_stay_in_the_folder_and_keep_their_value(folder: Path) -> None:
    items = [
        "../../x",
        "/etc/passwd",
        "x" * 300,
        "\U0001f600",
        "Aa",
        "aa",
        ".",
        "..",
        "",
        "con",
        "a/b",
        "-",
        "é",
        "e\u0301",
    ]
    answer = run("expand", "env.yaml", "-o", "jobs", "--", *items, cwd=folder)
    assert answer.code == 0, answer.err
    files = [path for path in (folder / "jobs").rglob("*") if not path.name.startswith(".")]
    assert len(files) == len(items)
    found = {
        next(load_documents(path.read_bytes(), path.name)).data["metadata"]["annotations"]["expander/item"]
        for path in files
    }
    assert found == set(items)
    assert sorted(path.name for path in folder.iterdir()) == [
        "env.yaml",
        "job-tmpl.yaml",
        "job.yaml.jinja2",
        "jobs",
    ]
    assert len({path.name.casefold() for path in files}) == len(items)


def test_an_item_with_a_nul_character_is_kept_where_no_process_gets_it(folder: Path) -> None:
    text = ENV.replace("value: $ITEM", "value: x")
    (folder / "env.yaml").write_text(text.replace("metadata:", "metadata:\n  annotations: {note: $ITEM}", 1))
    answer = run("expand", "env.yaml", "-i", "-", "-o", "json", cwd=folder, stdin="a\0b\n")
    assert json.loads(answer.out)["metadata"]["annotations"]["note"] == "a\0b"


def test_the_names_of_files_can_be_chosen(folder: Path) -> None:
    answer = run(
        "expand",
        "job-tmpl.yaml",
        "a",
        "B",
        "-o",
        "jobs",
        "--filename",
        "{index}-{kind}-{item}.json",
        cwd=folder,
    )
    assert answer.code == 0, answer.err
    files = sorted(path.name for path in (folder / "jobs").iterdir() if not path.name.startswith("."))
    assert files[0] == "0-job-a.json"
    assert files[1].startswith("1-job-b-")
    assert json.loads((folder / "jobs" / files[0]).read_text())["kind"] == "Job"
    wrong = run("expand", "job-tmpl.yaml", "a", "-o", "jobs", "--filename", "{itm}.yaml", cwd=folder)
    assert wrong.code == 2
    assert "did you mean {item}?" in wrong.err


def test_standard_output_and_a_folder_can_be_had_together(folder: Path) -> None:
    answer = run("expand", "job-tmpl.yaml", "a", "-o", "json", "-o", "jobs", cwd=folder)
    assert json.loads(answer.out)["metadata"]["name"] == "process-item-a"
    assert (folder / "jobs/job-a.yaml").exists()


def test_group_labels_annotations_ttl_and_namespace_are_set(folder: Path) -> None:
    (folder / "bare.yaml").write_text(
        "\n".join(line for line in ENV.splitlines() if "label" not in line and "jobgroup" not in line)
    )
    answer = run("expand", "bare.yaml", "a", "--label", "team=x", "--annotation", "note=a b", "--ttl", "2h", "-n", "ns",
                 "-o", "json", cwd=folder)  # fmt: skip
    tree = json.loads(answer.out)
    assert tree["metadata"]["labels"] == {"jobgroup": "bare", "team": "x"}
    assert tree["spec"]["template"]["metadata"]["labels"] == {"jobgroup": "bare", "team": "x"}
    assert tree["metadata"]["annotations"]["note"] == "a b"
    assert tree["metadata"]["namespace"] == "ns"
    assert tree["spec"]["ttlSecondsAfterFinished"] == 7200
    answer = run(
        "expand", "job-tmpl.yaml", "a", "--group", "g1", "--label", "jobgroup=z", "-o", "json", cwd=folder
    )
    assert json.loads(answer.out)["metadata"]["labels"]["jobgroup"] == "g1"
    assert "warning: label jobgroup=g1 of the template is kept" in answer.err


def test_values_and_set_reach_both_kinds_of_templates(folder: Path) -> None:
    (folder / "v.yaml").write_text("image: alpine\n")
    (folder / "t.yaml").write_text(ENV.replace("busybox", "${ITEM.image}:${ITEM.tag}"))
    answer = run("expand", "t.yaml", "x", "--values", "v.yaml", "--set", "tag=3.20", "-o", "json", cwd=folder)
    assert '"image":"alpine:3.20"' in answer.out, answer.err
    (folder / "v.yaml").write_text("deep: {a: 1, b: 2}\n")
    (folder / "w.yaml").write_text("deep: {b: 3}\n")
    jinja = ENV.replace("$ITEM", "{{ item }}").replace("busybox", "i:{{ deep.a }}{{ deep.b }}")
    (folder / "t.j2").write_text(jinja)
    answer = run("expand", "t.j2", "x", "--values", "v.yaml", "--values", "w.yaml", "-o", "json", cwd=folder)
    assert '"image":"i:13"' in answer.out, answer.err
    answer = run("expand", "t.yaml", "x", "--set", "image=a", "--set", "tga=3.20", cwd=folder)
    assert (answer.code, answer.out) == (2, "")
    assert "the value 'tga' (--set, --values) is not used by the template" in answer.err


def test_text_substitutes_what_is_no_yaml_before(folder: Path) -> None:
    (folder / "t.txt").write_text(ENV.replace("restartPolicy: Never", "$ITEM"))
    assert run("expand", "t.txt", "x", cwd=folder).code == 2
    answer = run("expand", "t.txt", "--text", "restartPolicy: Never", "-o", "json", cwd=folder)
    assert answer.code == 1
    (folder / "t.txt").write_text(PAGE.replace("      restartPolicy: Never", "${ITEM.extra}"))
    answer = run("expand", "t.txt", "--text", "-i", "-", "-o", "json", cwd=folder, stdin="")
    assert answer.code == 0
    (folder / "i.csv").write_text('item,extra\na,"      restartPolicy: Never\n      hostname: h"\n')
    answer = run("expand", "t.txt", "--text", "-i", "i.csv", "-o", "json", cwd=folder)
    assert json.loads(answer.out)["spec"]["template"]["spec"]["hostname"] == "h"


def test_two_items_of_one_name_are_an_error_that_names_both(folder: Path) -> None:
    answer = run("expand", "job-tmpl.yaml", "a", "b", "a", "-o", "json", cwd=folder)
    assert answer.code == 1
    assert len(answer.out.splitlines()) == 2
    assert "item 3 'a' (<arguments>)" in answer.err
    assert "already used by item 1 'a' (<arguments>)" in answer.err


def test_items_that_fail_are_counted_and_the_others_done(folder: Path) -> None:
    items = [f"{number};x" if number % 2 else str(number) for number in range(100)]
    answer = run("expand", "job-tmpl.yaml", *items, "-o", "json", cwd=folder)
    assert answer.code == 1
    assert len(answer.out.splitlines()) == 50
    assert answer.err.count("could change what the shell script does") == 20
    assert "30 more items failed (50 in all)" in answer.err
    stopped = run("expand", "job-tmpl.yaml", *items, "--fail-fast", "-o", "json", cwd=folder)
    assert stopped.code == 1
    assert stopped.err.count("could change") == 1


def test_a_row_of_a_table_that_does_not_fit_is_refused_and_the_others_done(folder: Path) -> None:
    (folder / "rows.csv").write_text("item,b\napple,1\nbanana\ncherry,3\n")
    answer = run("expand", "job-tmpl.yaml", "-i", "rows.csv", "-o", "jobs", cwd=folder)
    assert answer.code == 1
    assert (
        "error: rows.csv:3: item 2: found 1 field, expected 2 (item, b)\n  hint: missing: 'b'" in answer.err
    )
    assert len(list((folder / "jobs").glob("*.yaml"))) == 2


def test_a_dry_run_shows_names_and_counts_and_writes_nothing(folder: Path) -> None:
    answer = run(
        "expand", "job-tmpl.yaml", "-i", "1-1000", "-o", "jobs", "--dry-run", "--show", "2", cwd=folder
    )
    lines = answer.out.splitlines()
    assert lines[:3] == [
        "job/process-item-1  -> jobs/job-1.yaml",
        "job/process-item-2  -> jobs/job-2.yaml",
        "... and 998 more",
    ]
    assert lines[3].startswith("1,000 manifests (1,000 Jobs; ")
    assert not (folder / "jobs").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothere.yaml", "a"], "nothere.yaml: cannot read the template: No such file or directory"),
        (["job-tmpl.yaml"], "no items"),
        (["job-tmpl.yaml", "a", "-o", "x", "-o", "y"], "at most one format"),
        (["job-tmpl.yaml", "a", "-o", "yaml", "-o", "json"], "one format"),
        (["job-tmpl.yaml", "a", "-o", ""], "-o: found ''"),
        (["job-tmpl.yaml", "a", "-o", "yml"], "did you mean yaml? for a new folder of that name: -o ./yml"),
        (["job-tmpl.yaml", "-i", "1..3"], "did you mean 1-3?"),
        (["job-tmpl.yaml", "a", "--prune"], "--prune requires -o DIR"),
        (["job-tmpl.yaml", "a", "--label", "a b=c"], "invalid label key"),
        (["job-tmpl.yaml", "a", "--label", "a=b c"], "invalid label value"),
        (["job-tmpl.yaml", "a", "--group", "-x-"], "is not a label value"),
        (["job-tmpl.yaml", "a", "--ttl", "soon"], "invalid duration"),
        (["job-tmpl.yaml", "a", "--set", "x"], "is not KEY=VALUE"),
        (["job-tmpl.yaml", "a", "--set", "x=1", "--set", "x=2"], "--set sets 'x' twice: '1' and '2'"),
        (["job-tmpl.yaml", "a", "--values", "job.yaml.jinja2"], "job.yaml.jinja2:1:"),
        (["job-tmpl.yaml", "a", "--kubernetes-version", "1.2"], "1.2"),
        (["job-tmpl.yaml", "-i", "missing.csv"], "missing.csv"),
        (["job.yaml.jinja2", "--engine", "item", "a"], "looks like a Jinja2 template"),
        (["job-tmpl.yaml", "a", "-o", "job-tmpl.yaml"], "job-tmpl.yaml"),
    ],
)
def test_wrong_usage_is_one_clear_error(folder: Path, arguments: list[str], words: str) -> None:
    answer = run("expand", *arguments, cwd=folder)
    assert answer.code == 2
    assert words in answer.err
    assert "Traceback" not in answer.err
    assert answer.out == ""


def test_a_closed_pipe_ends_quietly(folder: Path) -> None:
    command = f"set -o pipefail; {EXPANDER} expand job-tmpl.yaml -i 1-100000 | head -n 1"
    answer = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False)
    assert (answer.stdout, answer.stderr, answer.returncode) == ("---\n", "", 141)


@pytest.mark.parametrize("words", ["expand job-tmpl.yaml -i 1-10", "--help", "completion bash", "--version"])
def test_a_full_disk_is_one_clear_error(folder: Path, words: str) -> None:
    command = f"{EXPANDER} {words} > /dev/full"
    answer = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False)
    assert answer.returncode == 2
    assert "No space left on device" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_files_on_a_full_disk_are_whole_and_the_next_run_goes_on(folder: Path) -> None:
    found = find_bubblewrap()
    assert isinstance(found, Bubblewrap), found
    run_it = f"{EXPANDER} expand job-tmpl.yaml -i 1-200 -o disk/jobs"
    look = "for file in disk/jobs/*; do tail -n 1 $file; done | sort | uniq -c; rm disk/filler"
    script = (
        f"head -c 600000 /dev/zero > disk/filler; {run_it}; echo $?; {look}; {run_it}; echo $?; ls disk/jobs"
    )
    (folder / "disk").mkdir()
    disk = ["--dev-bind", "/", "/", "--size", "1000000", "--tmpfs", str(folder / "disk")]
    answer = subprocess.run(
        [found.program, *disk, "sh", "-c", script], cwd=folder, capture_output=True, text=True, check=True
    )
    last = (folder / "job-tmpl.yaml").read_text().splitlines()[-1].strip()
    full, counted, whole, *files = answer.stdout.splitlines()
    number, text = counted.split(maxsplit=1)
    assert (full, whole, text, len(files)) == ("2", "0", last, 200)
    assert 0 < int(number) < 200
    error, hint = answer.stderr.splitlines()[:2]
    assert re.fullmatch(r"error: cannot write disk/jobs/[^ ]+: No space left on device", error)
    assert hint == "  hint: free some space and rerun the command: what was written is kept"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_what_an_interrupted_run_wrote_is_whole_and_the_next_run_goes_on(folder: Path, number: int) -> None:
    command = [EXPANDER, "expand", "job-tmpl.yaml", "-i", "1-50000", "-o", "jobs"]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
    while not (folder / "jobs").exists() or len(os.listdir(folder / "jobs")) < 50:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == (130 if number == signal.SIGINT else -9)
    assert "Traceback" not in errors
    for path in (folder / "jobs").glob("job-*.yaml"):
        assert path.read_text().endswith("restartPolicy: Never\n")
    again = run("expand", "job-tmpl.yaml", "1", "2", "-o", "jobs", "--prune", cwd=folder)
    assert (again.code, again.err) == (0, "")
    assert sorted(path.name for path in (folder / "jobs").glob("[!.]*")) == ["job-1.yaml", "job-2.yaml"]


def test_includes_come_from_the_folder_of_the_template_and_nowhere_else(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "outside.txt").write_text("secret")
    os.symlink(folder / "outside.txt", folder / "sub" / "link.txt")
    (folder / "sub" / "part.txt").write_text("h-{{ item }}")
    for name, code in (("part.txt", 0), ("../outside.txt", 1), ("/etc/hostname", 1), ("link.txt", 1)):
        (folder / "sub" / "t.j2").write_text(
            ENV.replace("$ITEM", "{{ item }}").replace("busybox", f"{{% include '{name}' %}}")
        )
        answer = run("expand", "sub/t.j2", "a", "-o", "json", cwd=folder)
        assert answer.code == code, (name, answer.err)
        assert "secret" not in answer.out + answer.err
        assert ("h-a" in answer.out) == (code == 0)


def test_a_mistake_in_the_template_stops_the_run_before_anything_is_written(folder: Path) -> None:
    (folder / "t.yaml").write_text(PAGE.replace("image:", "imag:"))
    answer = run("expand", "t.yaml", "a", "b", "-o", "jobs", cwd=folder)
    assert answer.code == 2
    assert (
        answer.err
        == 't.yaml:16:9: spec.template.spec.containers[0].imag: unknown field, did you mean "image"?\n'.join(
            ["error: ", ""]
        )
    )
    assert list((folder / "jobs").glob("[!.]*")) == []
    assert run("expand", "t.yaml", "a", "b", "--no-validate", cwd=folder).code == 0


def test_a_value_that_the_server_would_refuse_is_an_error_of_its_item(folder: Path) -> None:
    (folder / "t.yaml").write_text(PAGE.replace("\nspec:", "\nspec:\n  parallelism: $ITEM", 1))
    answer = run("expand", "t.yaml", "-o", "json", "--", "2", "-5", cwd=folder)
    assert answer.code == 1
    assert (
        "item 2 '-5' (<arguments>): spec.parallelism: Invalid value: -5: must be greater than or equal to 0"
        in answer.err
    )
    assert len(answer.out.splitlines()) == 1


def test_help_has_examples_and_the_version_names_the_accelerators() -> None:
    assert "Examples:" in run("expand", "-h").out
    assert "libyaml" in run("--version").out
    assert run("nonsense").code == 2


def test_what_is_probably_meant_otherwise_is_said(folder: Path) -> None:
    (folder / "names.txt").write_text("a\nb\n")
    (folder / "names.csv").write_text("apple\nbanana\n")
    forgotten = run("expand", "job-tmpl.yaml", "names.txt", "--dry-run", cwd=folder)
    assert "-i names.txt reads the items in the file" in forgotten.err
    remote = run(
        "expand", "job-tmpl.yaml", "https://ann:secret@web/t.csv?token=secret", "--dry-run", cwd=folder
    )
    assert "'https://web/t.csv' is the only item; -i https://web/t.csv reads the items" in remote.err
    assert "secret" not in remote.err.splitlines()[0]
    assert run("expand", "job-tmpl.yaml", "https://web/page.html", "--dry-run", cwd=folder).err == ""
    for text, wanted in (("1-10", "1-10"), ("1..10", "1-10")):
        range_ = run("expand", "job-tmpl.yaml", text, "--dry-run", cwd=folder)
        assert f"{text!r} is the only item; -i {wanted} makes an item of each number" in range_.err
        command = run("expand", "--image", "a", text, "--dry-run", "--", "echo", cwd=folder)
        assert f"-i {wanted} makes an item of each number" in command.err
    assert run("expand", "job-tmpl.yaml", "1-10", "2-3", "--dry-run", cwd=folder).err == ""
    header = run("expand", "job-tmpl.yaml", "-i", "names.csv", "--dry-run", cwd=folder)
    assert "the first row, 'apple', names the column; --no-header" in header.err
    twice = run("expand", "job-tmpl.yaml", "a", "b", "a", "--unique", "--dry-run", cwd=folder)
    assert (twice.code, twice.err) == (0, "1 repeated item dropped\n")
    repeated = run("expand", "job-tmpl.yaml", "a", "a", "--dry-run", cwd=folder)
    assert repeated.err.startswith("error: job-tmpl.yaml:4:3: item 2 'a'")
    jinja = run("run", "-", cwd=folder, stdin="{% for a in [1] %}\nkind: {{ a }}\n{% endfor %}\n")
    assert "use --engine jinja2" in jinja.err
    template = run("validate", "job-tmpl.yaml", cwd=folder)
    assert "a template: `expander expand job-tmpl.yaml ITEM... --dry-run` validates it" in template.out


def test_a_current_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    script = 'cd "$1" && rmdir "$1" && "$2" test'
    command = ["sh", "-c", script, "sh", str(tmp_path / "gone"), EXPANDER]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr == "error: the current folder has been removed\n  hint: cd to one that is there\n"
