"""``expander report``, and ``--report`` of ``run`` and ``wait``."""

from pathlib import Path

from tests.cli.cluster import cluster
from tests.cli.groups import LOCAL, create, follow, job, run_locally
from tests.cli.program import run


def test_a_cluster_and_waiting_for_it_give_a_page(tmp_path: Path) -> None:
    waited, asked = tmp_path / "waited.html", tmp_path / "asked.html"
    with cluster(tmp_path) as server:
        create(server, job("a", "echo one", item="apple"), job("b", "echo oh; echo no; exit 3", item="<b>"))
        answer = follow(server, "wait", "--group", "g", "--report", str(waited))
        assert answer.code == 1
        assert f"report: {waited}" in answer.err
        answer = follow(server, "report", "-l", "jobgroup=g", "--out", str(asked), "--title", "The night")
        assert (answer.code, answer.out) == (0, "")
        assert follow(server, "report", "--group", "none", "--out", str(asked)).code == 2
    for page, title in ((waited, "g"), (asked, "The night")):
        text = page.read_text()
        assert f"<h1>{title}</h1>" in text
        assert "1 of 2 items failed" in text
        assert ">&lt;b&gt;</b>" in text
        assert ">oh\nno</pre>" in text


def test_a_local_run_gives_a_page_at_its_end_and_later(tmp_path: Path) -> None:
    ran, asked = tmp_path / "ran.html", tmp_path / "asked.html"
    state = run_locally(tmp_path, LOCAL, "--backoff-base", "1ms", "--report", str(ran))
    assert run("report", "--group", "here", "--state", str(state), "--out", str(asked)).code == 0
    for page in (ran, asked):
        assert "1 of 2 items failed" in page.read_text()


def test_a_report_that_has_no_place_is_refused_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(LOCAL)
    answer = run("run", "jobs.yaml", "--state", "state", "--report", "none/r.html", cwd=tmp_path)
    assert answer.code == 2
    assert "folder none not found" in answer.err
    assert not (tmp_path / "state").exists()
