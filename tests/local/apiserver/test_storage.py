"""What requests create together is made durable together."""

from pathlib import Path

from expander.kube.scheme import BY_KIND
from expander.local.apiserver.storage import Storage
from expander.local.apiserver.strategy import strategy_of
from expander.local.workqueue import MAX_STARTED_PER_SYNC
from tests.local.apiserver.serving import job

JOBS = BY_KIND["Job"]


def test_any_number_of_suspended_jobs_that_are_kept_together_are_told_so_at_once(tmp_path: Path) -> None:
    names = [f"job-{number}" for number in range(3 * MAX_STARTED_PER_SYNC)]
    with Storage(tmp_path, runtime="process", shared=True) as storage:
        for name in names:
            new = job(name, suspend=True)
            storage.create(JOBS, strategy_of(JOBS).created(new, "default", 1.0, "maker", storage.all_of))
        storage.keep()
        kept = storage.version
        jobs = [storage.get("Job", "default", name) for name in names]
        assert all(each["status"]["conditions"][0]["type"] == "Suspended" for each in jobs)
        storage.step(0)
        assert storage.version == kept, "and nothing more is to be said of them"
