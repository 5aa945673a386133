"""``retry`` in a cluster: the signals, the submission, what is said at the end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from expander.cli.messages import ItemErrors, say
from expander.cli.retry_output import RetryReport
from expander.cli.signals import Interrupts

if TYPE_CHECKING:
    from expander.group.open import AnySource, Wanted
    from expander.group.retry_plan import Chosen


def there(
    source: AnySource,
    wanted: Wanted,
    chosen: Chosen,
    folder: Path,
    logs: Path | None,
    flags: dict[str, Any],
    report: RetryReport,
) -> int:
    """In the cluster: as `submit` sends."""
    from expander.client.client import ClusterError
    from expander.group.bookkeeping import writer_of
    from expander.group.cluster_writer import ClusterWrites
    from expander.group.retry import Retry
    from expander.submit.options import Settings
    from expander.submit.submit import Submit

    errors = ItemErrors()
    settings = Settings(
        kubeconfig=wanted.kubeconfig,
        context=wanted.context,
        group_label=wanted.group_label,
        qps=flags["qps"],
        in_flight=flags["in_flight"],
    )
    submit = Submit(settings, errors, say)

    def again() -> None:
        raise KeyboardInterrupt

    with writer_of(source) as writer, Interrupts(lambda _: submit.stop(), again) as interrupts:
        assert isinstance(writer, ClusterWrites)
        retry = Retry(source, writer, submit, folder, logs)
        try:
            for told in retry.outcomes(chosen, flags["changes"]):
                report.show(told)
        except ClusterError:
            report.end(interrupted=True)
            say("stopped before the end: the same command goes on")
            raise
        interrupted = interrupts.seen
    if logs is not None and any(again.replaces for again in chosen.again):
        say(f"earlier logs are in {logs}")
    code = report.end(interrupted=interrupted)
    errors.finish()
    return 1 if errors.count and not code else code
