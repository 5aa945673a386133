"""Failed items of a run, by name."""

from pathlib import Path

from expander.cli.output.failures import MAX_NAMED, Failures
from expander.cli.output.printer import Printer
from expander.kube.generated_names import new_uid
from tests.group.fakes import job


def test_failed_items_are_named_in_the_order_they_were_given(tmp_path: Path) -> None:
    failures = Failures(tmp_path, lambda *_: None, Printer.__new__(Printer), quiet=True)
    jobs = [job(f"frame-{number}", "Failed") for number in range(2, 12)]
    for each in jobs:
        each["metadata"]["uid"] = new_uid()
    for each in sorted(jobs, key=lambda one: str(one["metadata"]["name"])):  # frame-10 before frame-2
        failures.job(each, ())
    assert failures.names == "frame-2, frame-3, frame-4, frame-5, frame-6 and 5 more"
    assert MAX_NAMED == 5
    for each in jobs[:2]:
        each["metadata"]["annotations"] = {"expander/item": "lr=1,seed=2"}
    other = Failures(tmp_path, lambda *_: None, Printer.__new__(Printer), quiet=True)
    for each in jobs[:2]:
        other.job(each, ())
    assert other.names == "lr=1,seed=2; lr=1,seed=2"
