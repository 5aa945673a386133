"""What `import expander` offers, whatever else was imported, and in which order."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import fields
from types import ModuleType
from typing import Any, get_type_hints

import pytest

import expander
from expander.base import errors
from expander.batch.request import BatchOptions, BatchRequest
from expander.shapes.work_queue import QueueBatch
from expander.submit.options import SubmitOptions

NAMES = """
AdmissionError BatchOptions BatchRequest BrokerError ClosedPipe ClusterError CommandOptions ContentChanged Definitions ExpanderError Finding
FolderInUse InputError Item ItemError JobOutcome JobResult KnownGroup LogFile Manifest NotFound OutputError OutputLine Plan
PlannedObject Policies Problem Reason RunResult Shape SourceLocation StateNotFound StateUnreadable StatusError SubmitKeywords
SubmitOptions SubmitResult TemplateFile Unreachable UsageError YamlError __version__ command_template expand groups load_crds
load_policies plan run submit validate SuspensionOutcome resume suspend
CleanupResult Group GroupStatus JobStatus Submission TimedOut WaitEnd cleanup group logs outcomes report
Result Results results status wait Comparison diff RetryOutcome RetryResult retry
""".split()

TREE = """\
ExpanderError            2
├── UsageError           2
├── InputError           2
│   └── YamlError        2
├── ItemError            1
│   └── ContentChanged   1
├── OutputError          2
│   └── ClosedPipe     141
├── ClusterError         1
│   ├── StatusError      1
│   └── Unreachable      1
├── AdmissionError       1
├── NotFound             2
├── StateNotFound        2
├── FolderInUse          2
├── StateUnreadable      2
├── BrokerError          2
└── TimedOut             3
"""

CALLS = ("expand", "group", "plan", "run", "submit", "validate")


def test_the_public_names_are_these_and_dir_shows_them() -> None:
    assert sorted(expander.__all__) == sorted(NAMES)
    assert dir(expander) == sorted([*NAMES, "aio"])
    for name in NAMES:
        assert getattr(expander, name) is not None


def test_every_public_class_and_call_says_what_it_is() -> None:
    for name in NAMES:
        value = getattr(expander, name)
        assert isinstance(value, str) or (value.__doc__ or "").strip(), name


def drawn(error: type[BaseException], indent: str = "", branch: str = "") -> str:
    """The tree of an error and those below it, as the module's docstring draws it."""
    name = f"{indent}{branch}{error.__name__}"
    text = f"{name:<22}{getattr(error, 'exit_code'):>4}\n"  # noqa: B009 - a class of the tree
    below = [each for each in error.__subclasses__() if each.__module__.startswith("expander.")]
    inner = indent + {"": "", "├── ": "│   ", "└── ": "    "}[branch]
    for number, each in enumerate(below):
        text += drawn(each, inner, "└── " if number == len(below) - 1 else "├── ")
    return text


def test_the_tree_of_errors_stands_in_one_file_with_its_exit_codes() -> None:
    for module in pkgutil.walk_packages(expander.__path__, "expander."):
        if module.name != "expander.__main__":
            importlib.import_module(module.name)
    assert drawn(errors.ExpanderError) == TREE
    documented = [line[4:30] for line in (errors.__doc__ or "").splitlines() if line.startswith("    ")]
    assert documented == TREE.splitlines()


def test_every_error_of_the_tree_is_public() -> None:
    def names(error: type[BaseException]) -> set[str]:
        return {error.__name__}.union(*map(names, error.__subclasses__()))

    public = {name for name in names(errors.ExpanderError) if hasattr(errors, name)}
    assert public <= set(expander.__all__)


IMPORTS = [
    "import expander",
    *[f"import expander.{name}" for name in ("group", "plan", "run", "submit", "validate")],
    *[f"from expander.{name} import {name} as _" for name in ("plan", "run", "submit")],
    "from expander.validate.check import check",
    "import expander.api.submit, expander.batch.request, expander.cli.main",
    "from expander import *",
]


@pytest.mark.parametrize("first", IMPORTS)
def test_no_import_hides_a_call_behind_a_module(first: str) -> None:
    code = "\n".join(
        [
            first,
            "import expander",
            *[f"assert expander.{name}.__name__ == {name!r}, {name!r}" for name in CALLS],
            *IMPORTS,
            *[f"assert type(expander.{name}).__name__ == 'function', {name!r}" for name in CALLS],
            "assert expander.validate({'apiVersion': 'batch/v1', 'kind': 'Job'})",
            "assert expander.validate({'apiVersion': 'batch/v1', 'kind': 'Job'})",
            "assert callable(validate) and callable(run)",
        ]
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = expander.nothing
    assert isinstance(sys.modules["expander.run"], ModuleType)


def test_calls_take_by_keyword_what_the_dataclasses_have() -> None:
    batch = {field.name for field in fields(BatchRequest)}
    assert set(BatchOptions.__annotations__) == batch - {"batch", "items"}
    sending = {field.name for field in fields(SubmitOptions)} - {"journal", "run"}
    assert set(expander.SubmitKeywords.__annotations__) == (batch | sending) - {"batch", "items"}


def test_the_program_runs_as_a_module_and_names_its_accelerators() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "expander", "--version"], capture_output=True, text=True, check=True
    )
    first, *accelerators = answer.stdout.splitlines()
    assert first == f"expander {expander.__version__}"
    assert [line.split(":")[0].strip() for line in accelerators] == ["YAML", "JSON", "validation"]


def parts(value: Any) -> Iterator[Any]:
    """A public class or call, and the public functions of a class."""
    yield value
    if isinstance(value, type):
        for name in dir(value):
            if not name.startswith("_") or name == "__init__":
                part = inspect.getattr_static(value, name)
                part = getattr(part, "fget", None) or getattr(part, "func", None) or part
                part = getattr(part, "__func__", part)
                if inspect.isfunction(part):
                    yield part


def test_annotations_of_every_public_name_can_be_evaluated() -> None:
    calls = [getattr(expander.aio, name) for name in dir(expander.aio) if name in expander.__all__]
    assert len(calls) > 12
    for value in (*(getattr(expander, name) for name in NAMES if name != "__version__"), *calls):
        for part in parts(value):
            assert isinstance(get_type_hints(part), dict)
        if callable(value):
            with suppress(ValueError):  # of a type that has none, as those of the standard library
                inspect.signature(value, eval_str=True)
    hints = get_type_hints(expander.BatchRequest)
    assert hints["on_queue"] == Callable[[QueueBatch], None] | None
    assert get_type_hints(expander.submit)["notify"] == get_type_hints(expander.aio.run)["notify"]
