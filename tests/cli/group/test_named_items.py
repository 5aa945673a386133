"""Commands that name the items they mean: `logs`, `results` and `retry`."""

import json
from pathlib import Path

from tests.cli.program import run

TEMPLATE = """
apiVersion: batch/v1
kind: Job
metadata: {name: j-$INDEX}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers: [{name: c, image: i, command: [sh, -c, 'echo "$1"; test "$1" = good', sh, "$ITEM"]}]
"""


def test_an_item_of_a_chunk_is_found_by_the_job_that_does_it(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(TEMPLATE)
    there = ["--group", "g", "--state", str(tmp_path / "state")]
    items = ["good", "it's $(a)", "good", "bad"]
    run("run", "t.yaml", *items, "--as", "chunks=2", "-q", "--runtime", "process", *there, cwd=tmp_path)
    hint = "it is one of the items of Job g-{0}, which are done together: name g-{0}"
    for command in ("logs", "results", "retry"):
        name, job = ("it's $(a)", 0) if command == "logs" else ("bad", 1)
        answer = run(command, name, *there)
        assert (answer.code, answer.err.splitlines()[-1].strip()) == (2, "hint: " + hint.format(job))
    shown = run("status", *there).out
    assert shown.count("FailedItems (bad: exit code 1)") == 2
    assert "\ng-1 (2 items, good to bad) failed: FailedItems (bad: exit code 1): items of the Job" in shown


def test_a_part_of_a_key_leads_to_the_item_in_every_command(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(TEMPLATE.replace("$ITEM", "${ITEM.sample}"))
    (tmp_path / "s.csv").write_text("sample,lane\nHG001,L001\nHG001,L002\nHG002,L001\nHG002,L002\n")
    there = ["--group", "g", "--state", str(tmp_path / "state")]
    run("run", "t.yaml", "-i", "s.csv", "-q", "--runtime", "process", *there, cwd=tmp_path)
    for command in ("logs", "results", "retry", "suspend"):
        for name in ("HG002", "HG002*", "hg002"):
            answer = run(command, name, *there)
            assert answer.code == 2, answer
            words = "did you mean sample=HG002,lane=L001, or all of 'sample=HG002,*'?"
            assert answer.err.splitlines()[-1] == f"  hint: {words}"
    answer = run("logs", "L001", *there)
    assert answer.err.splitlines()[-1].endswith("sample=HG001,lane=L001, or all of '*,lane=L001'?")
    assert run("results", "sample=HG002,*", "-o", "json", *there).out.count('"key"') == 2


def test_an_item_whose_key_is_a_glob_or_the_name_of_another_job_is_meant_alone(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(TEMPLATE)
    there = ["--group", "g", "--state", str(tmp_path / "state")]
    run("run", "t.yaml", "a*", "ab", "j-1", "good", "-q", "--runtime", "process", *there, cwd=tmp_path)
    for name, keys in (("a*", ["a*"]), ("j-1", ["j-1"]), ("j-0", ["a*"]), ("a?", ["a*", "ab"])):
        assert run("logs", name, "--no-prefix", *there).out.split() == keys
        shown = run("results", name, "-o", "json", *there).out
        assert [row["key"] for row in json.loads(shown)] == keys
        again = run("retry", name, "--dry-run", "-o", "json", *there).out.splitlines()[:-1]
        assert [json.loads(line)["item"] for line in again] == keys
    followed = run("logs", "a*", "-f", "--no-prefix", *there)
    assert (followed.out, followed.err) == ("a*\n", "")
    assert run("logs", "a*", "--failed", *there).out == "a*\n"
    none = run("logs", "good", "--failed", *there)
    assert (none.code, none.out, none.err) == (
        0,
        "",
        "no failed item has written a log (expander status --failed says why each failed)\n",
    )
    run("results", "a*", "-o", "out", *there, cwd=tmp_path)
    assert len([*(tmp_path / "out").glob("*/stdout")]) == 1


def test_the_only_failed_item_stands_before_its_lines_unless_it_was_named(tmp_path: Path) -> None:
    there = ["--group", "g", "--state", str(tmp_path / "state")]
    run("run", "a", "b", "-q", "--runtime", "process", *there, "--", "sh", "-c", "echo said; test {} = a")
    assert run("logs", "--failed", *there).out == "[b] said\n"
    assert run("logs", "b", "--failed", *there).out == "said\n"
    assert run("logs", "--failed", "--no-prefix", *there).out == "said\n"
