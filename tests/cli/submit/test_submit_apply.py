"""``submit --server-side``, ``--kueue`` and ``--dry-run`` against a served cluster."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.cluster import cluster, jobs, submitted, template
from tests.cli.program import Answer, run
from tests.local.apiserver.serving import Server


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with cluster(tmp_path_factory.mktemp("served"), "--inject", "429=0.05,500=0.15") as server:
        yield server


@pytest.fixture
def place(served: Server) -> Iterator[Server]:
    """The cluster without Jobs."""
    yield served
    while True:
        path = "/apis/batch/v1/namespaces/default/jobs"
        answer = served.request("DELETE", path + "?propagationPolicy=Background")
        if answer.code == 200 and jobs_of(served) == []:
            return


def jobs_of(server: Server) -> list[dict[str, Any]]:
    while True:
        try:
            return jobs(server)
        except AssertionError:
            continue  # one of the faults that are injected


def outcomes(answer: Answer) -> list[tuple[str, str, str]]:
    *lines, last = [json.loads(line) for line in answer.out.splitlines()]
    assert sum(last["summary"].values()) == len(lines)
    return sorted((line["name"], line["outcome"], line["reason"]) for line in lines)


def patched(server: Server, name: str, patch: Any) -> None:
    path = f"/apis/batch/v1/namespaces/default/jobs/{name}?fieldManager=other"
    kind = {"Content-Type": "application/merge-patch+json"}
    while server.request("PATCH", path, patch, headers=kind).code != 200:
        pass


def test_applying_again_is_harmless_and_a_change_is_applied(place: Server, tmp_path: Path) -> None:
    first = submitted(tmp_path, place, template(tmp_path), "-i", "0-9", "--server-side")
    assert first.code == 0, first.err
    assert {outcome for _, outcome, _ in outcomes(first)} == {"created"}
    versions = {job["metadata"]["uid"]: job["metadata"]["resourceVersion"] for job in jobs_of(place)}
    again = submitted(tmp_path, place, template(tmp_path), "-i", "0-9", "--server-side")
    assert again.code == 0, again.err
    assert {outcome for _, outcome, _ in outcomes(again)} == {"unchanged"}
    assert versions == {
        job["metadata"]["uid"]: job["metadata"]["resourceVersion"] for job in jobs_of(place)
    }, "nothing was written"
    changed = submitted(
        tmp_path, place, template(tmp_path), "-i", "0-9", "--server-side", "--annotation", "more=yes"
    )
    assert changed.code == 0, changed.err
    assert {job["metadata"]["annotations"]["more"] for job in jobs_of(place)} == {"yes"}
    managers = {entry["manager"] for job in jobs_of(place) for entry in job["metadata"]["managedFields"]}
    assert "expander" in managers


def test_fields_of_another_manager_are_a_conflict_until_they_are_taken_over(
    place: Server, tmp_path: Path
) -> None:
    arguments = [template(tmp_path), "a", "b", "--server-side"]
    assert submitted(tmp_path, place, *arguments).code == 0
    patched(place, "item-a", {"metadata": {"labels": {"number": "other"}}})
    conflict = submitted(tmp_path, place, *arguments)
    assert conflict.code == 1
    assert outcomes(conflict) == [
        ("item-a", "exists", "FieldManagerConflict"),
        ("item-b", "unchanged", "Applied"),
    ]
    assert "item 'a'" in conflict.err
    assert ".metadata.labels.number" in conflict.err
    assert "--force-conflicts" in conflict.err
    forced = submitted(tmp_path, place, *arguments, "--force-conflicts")
    assert forced.code == 0, forced.err
    assert {job["metadata"]["labels"]["number"] for job in jobs_of(place)} == {"a", "b"}


def test_a_queue_of_kueue_gets_the_jobs_suspended(place: Server, tmp_path: Path) -> None:
    path = template(tmp_path, suspend=False)
    answer = submitted(tmp_path, place, path, "-i", "0-4", "--kueue", "team-a")
    assert answer.code == 0, answer.err
    found = jobs_of(place)
    assert len(found) == 5
    for job in found:
        assert job["spec"]["suspend"] is True
        assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "team-a"


def test_a_dry_run_on_the_server_asks_for_each_verdict_and_makes_nothing(
    place: Server, tmp_path: Path
) -> None:
    good = submitted(tmp_path, place, template(tmp_path), "-i", "0-9", "--dry-run=server")
    assert good.code == 0, good.err
    assert {(outcome, reason) for _, outcome, reason in outcomes(good)} == {("created", "DryRun")}
    for more in ("--no-validate", "--server-side"):
        wrong = template(tmp_path, "name: item-$ITEM\n  finalizers: [no-slash]", file="wrong.yaml")
        refused = submitted(tmp_path, place, wrong, "a", "--dry-run=server", "--no-validate", more)
        assert refused.code == 1
        assert outcomes(refused) == [("item-a", "refused", "Invalid")]
        assert "metadata.finalizers" in refused.err
    assert jobs_of(place) == []
    assert not list(tmp_path.glob("journals/submit/*")), "a dry run writes no journal"


def test_a_dry_run_of_the_client_asks_no_server(tmp_path: Path) -> None:
    answer = run("submit", template(tmp_path), "a", "b", "--dry-run=client", "--kubeconfig", "/nowhere")
    assert answer.code == 0, answer.err
    assert answer.out.splitlines() == [
        "job.batch/item-a created (dry run)",
        "job.batch/item-b created (dry run)",
    ]
    assert answer.err == "2 items: 2 created (dry run)\n"


@pytest.mark.parametrize("shape", ["chunks=2", "indexed"])
def test_items_are_counted_also_where_a_job_does_several(shape: str) -> None:
    command = ["--dry-run=client", "--image", "busybox", "--", "echo", "{}"]
    answer = run("submit", "a", "b", "c", "--as", shape, *command)
    objects = "Jobs" if shape == "chunks=2" else "objects"  # with a ConfigMap of the items
    assert answer.err == f"3 items in 2 {objects}: 2 created (dry run)\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--force-conflicts"], "--force-conflicts requires --server-side"),
        (["--server-side", "--on-exists", "recreate"], "cannot be used with --server-side"),
        (["--kueue", "not a queue"], "--kueue: 'not a queue'"),
    ],
)
def test_options_that_do_not_fit_together_are_wrong_usage(
    tmp_path: Path, arguments: list[str], words: str
) -> None:
    answer = run("submit", template(tmp_path), "a", *arguments, "--dry-run=client")
    assert answer.code == 2
    assert words in answer.err


def test_another_template_of_the_same_name_does_not_mix_into_its_group(place: Server, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        text = Path(template(tmp_path)).read_text().replace("jobgroup", "team")
        (tmp_path / folder / "align.yaml").write_text(text)
    first, second = (str(tmp_path / folder / "align.yaml") for folder in ("one", "two"))
    assert submitted(tmp_path, place, first, "a").code == 0
    refused = submitted(tmp_path, place, second, "b")
    assert refused.code == 2
    assert (
        f"group align belongs to {first}: other options or items make other Jobs of {second}, its copy"
        in refused.err
    )
    assert "--group NAME makes a group of its own" in refused.err
    assert [job["metadata"]["name"] for job in jobs_of(place)] == ["item-a"]
    taken = submitted(tmp_path, place, second, "b", "--group", "align")
    assert taken.code == 0, taken.err
    assert f"group align (last run from {first})" in taken.err
    assert submitted(tmp_path, place, second, "b").code == 0


def test_manifests_that_no_items_made_are_counted_as_objects(tmp_path: Path) -> None:
    for name in ("a", "b"):
        path = tmp_path / f"{name}.yaml"
        path.write_text(Path(template(tmp_path)).read_text().replace("$ITEM", name))
    files = [str(tmp_path / f"{name}.yaml") for name in ("a", "b")]
    answer = run("submit", *files, "--dry-run=client", "--kubeconfig", "/nowhere")
    assert (answer.code, answer.err) == (0, "2 objects: 2 created (dry run)\n")
