"""One template and a list of items become a labelled batch of Kubernetes Jobs.

The words here are those of the commands: ``expander.expand(template, items)`` gives manifests,
``expander.validate(mapping)`` says what an API server would refuse in one, ``expander.plan(template, items)``
what a batch would be in a cluster; ``expander.submit(template, items)`` creates it there, and
``expander.run(template, items)`` runs it on this machine. ``docs/python.md`` is the guide.
"""

from __future__ import annotations

import sys
from types import ModuleType

from expander.version import __version__

TYPE_CHECKING = False  # whoever needs `typing` loads it: the supervisor of a run does not
if TYPE_CHECKING:
    from typing import Any

    from expander.api.cleanup import CleanupResult, cleanup
    from expander.api.diff import diff
    from expander.api.expand import expand
    from expander.api.groups import groups
    from expander.api.handle import Group, group
    from expander.api.logs import logs
    from expander.api.plan import plan
    from expander.api.report import report
    from expander.api.results import Result, Results, results
    from expander.api.retry import RetryResult, retry
    from expander.api.run import JobResult, RunResult, run
    from expander.api.status import GroupStatus, status
    from expander.api.submit import Submission, SubmitKeywords, SubmitResult, submit
    from expander.api.suspension import resume, suspend
    from expander.api.validate import validate
    from expander.api.wait import WaitEnd, outcomes, wait
    from expander.base.errors import (
        AdmissionError,
        BrokerError,
        ClosedPipe,
        ClusterError,
        ContentChanged,
        ExpanderError,
        FolderInUse,
        InputError,
        ItemError,
        NotFound,
        OutputError,
        Problem,
        SourceLocation,
        StateNotFound,
        StateUnreadable,
        StatusError,
        TimedOut,
        Unreachable,
        UsageError,
        YamlError,
    )
    from expander.batch.command_template import CommandOptions, command_template
    from expander.batch.crds import load_crds
    from expander.batch.policies import load_policies
    from expander.batch.request import BatchOptions, BatchRequest
    from expander.diff.comparison import Comparison
    from expander.group.job_status import JobStatus
    from expander.group.known.listing import KnownGroup
    from expander.group.retry.outcomes import RetryOutcome
    from expander.group.suspension.plan import SuspensionOutcome
    from expander.items.item import Item
    from expander.manifests.manifest import Manifest
    from expander.plan.plan import Plan
    from expander.render.template_file import TemplateFile
    from expander.run.dry_run import PlannedObject
    from expander.run.outcomes import JobOutcome, LogFile
    from expander.run.output_lines import OutputLine
    from expander.shapes.shape import Shape
    from expander.submit.options import SubmitOptions
    from expander.validate.crds.definitions import Definitions
    from expander.validate.finding import Finding, Reason
    from expander.validate.policies.policy_set import Policies

__all__ = [
    "AdmissionError",
    "BatchOptions",
    "BatchRequest",
    "BrokerError",
    "CleanupResult",
    "ClosedPipe",
    "ClusterError",
    "CommandOptions",
    "Comparison",
    "ContentChanged",
    "Definitions",
    "ExpanderError",
    "Finding",
    "FolderInUse",
    "Group",
    "GroupStatus",
    "InputError",
    "Item",
    "ItemError",
    "JobOutcome",
    "JobResult",
    "JobStatus",
    "KnownGroup",
    "LogFile",
    "Manifest",
    "NotFound",
    "OutputError",
    "OutputLine",
    "Plan",
    "PlannedObject",
    "Policies",
    "Problem",
    "Reason",
    "Result",
    "Results",
    "RetryOutcome",
    "RetryResult",
    "RunResult",
    "Shape",
    "SourceLocation",
    "StateNotFound",
    "StateUnreadable",
    "StatusError",
    "Submission",
    "SubmitKeywords",
    "SubmitOptions",
    "SubmitResult",
    "SuspensionOutcome",
    "TemplateFile",
    "TimedOut",
    "Unreachable",
    "UsageError",
    "WaitEnd",
    "YamlError",
    "__version__",
    "cleanup",
    "command_template",
    "diff",
    "expand",
    "group",
    "groups",
    "load_crds",
    "load_policies",
    "logs",
    "outcomes",
    "plan",
    "report",
    "results",
    "resume",
    "retry",
    "run",
    "status",
    "submit",
    "suspend",
    "validate",
    "wait",
]

_HOMES = {
    **{
        name: f"api.{name}"
        for name in "cleanup diff expand groups logs plan report run status submit validate".split()
    },
    **dict.fromkeys(("JobResult", "RunResult"), "api.run"),
    **dict.fromkeys(("Submission", "SubmitKeywords", "SubmitResult"), "api.submit"),
    **dict.fromkeys(("Group", "group"), "api.handle"),
    **dict.fromkeys(("WaitEnd", "outcomes", "wait"), "api.wait"),
    **dict.fromkeys(("Result", "Results", "results"), "api.results"),
    **dict.fromkeys(("RetryResult", "retry"), "api.retry"),
    "CleanupResult": "api.cleanup",
    "Comparison": "diff.comparison",
    "GroupStatus": "api.status",
    "JobStatus": "group.job_status",
    **dict.fromkeys(("resume", "suspend"), "api.suspension"),
    **dict.fromkeys(("CommandOptions", "command_template"), "batch.command_template"),
    **dict.fromkeys(("BatchOptions", "BatchRequest"), "batch.request"),
    **dict.fromkeys(("Finding", "Reason"), "validate.finding"),
    **dict.fromkeys(("JobOutcome", "LogFile"), "run.outcomes"),
    "RetryOutcome": "group.retry.outcomes",
    "SuspensionOutcome": "group.suspension.plan",
    "Definitions": "validate.crds.definitions",
    "Item": "items.item",
    "KnownGroup": "group.known.listing",
    "Manifest": "manifests.manifest",
    "OutputLine": "run.output_lines",
    "load_crds": "batch.crds",
    "load_policies": "batch.policies",
    "Plan": "plan.plan",
    "PlannedObject": "run.dry_run",
    "Policies": "validate.policies.policy_set",
    "Shape": "shapes.shape",
    "SubmitOptions": "submit.options",
    "TemplateFile": "render.template_file",
}
"""The modules of the public names; those of errors are in ``base.errors``."""


class _Package(ModuleType):
    """Keeps ``expander.run`` the function, although importing from the package ``expander.run`` sets it."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    """Load what is asked for when it is asked for: importing expander costs almost nothing."""
    if name == "aio":
        from importlib import import_module

        return import_module("expander.aio")
    if name not in __all__:
        raise AttributeError(f"module 'expander' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f"expander.{_HOMES.get(name, 'base.errors')}"), name)
    return value


def __dir__() -> list[str]:
    return [*__all__, "aio"]
