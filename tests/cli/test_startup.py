"""What starting the program loads."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = [
    "kubernetes",
    "aiohttp",
    "asyncio",
    "jsonschema",
    "jsonschema_rs",
    "sqlite3",
    "requests",
    "urllib3",
]
LATE = [*HEAVY, "yaml", "ruamel", "jinja2", "json", "orjson", "csv"]

JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: job-$ITEM}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: main, image: busybox, args: [$ITEM]}]}}}
"""
KUBECONFIG = {
    "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}],
    "contexts": [{"name": "x", "context": {"cluster": "c"}}],
    "current-context": "x",
}


def loaded_by(*arguments: str) -> set[str]:
    """The modules in memory when the program has run with ``arguments``."""
    code = (
        "import sys\nfrom expander.cli.main import run\n"
        f"run({list(arguments)!r})\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(answer.stderr.split())


MOST_MODULES = {
    "--version": 20,
    "expand job.yaml apple --dry-run": 122,
    "submit -q job.yaml apple --kubeconfig config --dry-run=client": 181,
    "run apple --runtime process --state state -- true": 283,
    "status --group true --state state": 96,
}
"""Commands, and how many modules of expander they may load: each costs 0.2 ms or more.

A number may grow with a reason. Usually the import belongs into the function that needs it.
"""


@pytest.mark.parametrize("command", MOST_MODULES)
def test_the_modules_of_a_start_do_not_grow_unnoticed(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("job.yaml").write_text(JOB)
    Path("config").write_text(json.dumps(KUBECONFIG))
    if command.startswith("status"):
        loaded_by("run", "apple", "--runtime", "process", "--state", "state", "--", "true")
    own = sorted(name for name in loaded_by(*command.split()) if name.startswith("expander."))
    assert len(own) <= MOST_MODULES[command], own


def test_the_version_asks_for_no_translations() -> None:
    assert loaded_by("--version") & {*LATE, "locale"} == set()


def test_help_loads_nothing_but_click() -> None:
    assert loaded_by("--help") & set(LATE) == set()


def test_help_of_a_command_loads_nothing_heavy() -> None:
    assert loaded_by("expand", "--help") & set(LATE) == set()


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, expander\nprint(*sorted({name.split('.')[0] for name in sys.modules}))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(answer.stdout.split()) & {*LATE, "click"} == set()


def test_an_expansion_loads_what_it_uses(tmp_path: Path) -> None:
    template = tmp_path / "job.yaml"
    template.write_text(JOB)
    loaded = loaded_by("expand", str(template), "apple", "--dry-run")
    unused = {
        *HEAVY,
        "ruamel",
        "jinja2",
        "orjson",
        "csv",
        "logging",
        "socket",
        "subprocess",
        "tempfile",
        "shutil",
        "pathlib",
        "ipaddress",
        "locale",
        "string",
        "hashlib",
        "fractions",
        "expander.kube.quantity",
        "expander.render.script",
        "expander.render.shell",
    }
    assert loaded & unused == set()
    own = {name for name in loaded if name.startswith("expander.")}
    packages = ("client", "local", "queues", "run", "plan", "submit", "group", "api")
    assert [name for name in own if name.split(".")[1] in packages] == []


@pytest.mark.parametrize("command", ["expand", "plan", "submit"])
def test_a_batch_for_a_cluster_loads_nothing_of_the_local_server(command: str, tmp_path: Path) -> None:
    template = tmp_path / "job.yaml"
    template.write_text(JOB)
    config = tmp_path / "config"
    config.write_text(json.dumps(KUBECONFIG))
    flags = {
        "expand": ["--dry-run"],
        "plan": ["--kubeconfig", str(config)],
        "submit": ["--kubeconfig", str(config), "--dry-run=client"],
    }
    server = {"kubernetes", "aiohttp", "asyncio", "requests", "urllib3"}
    assert loaded_by(command, str(template), "apple", *flags[command]) & server == set()


def test_a_submission_loads_nothing_that_runs_jobs_or_follows_them(tmp_path: Path) -> None:
    template = tmp_path / "job.yaml"
    template.write_text(JOB)
    loaded = loaded_by("submit", "-q", str(template), "apple", "--dry-run=client")
    assert "expander.submit.submit" in loaded
    assert loaded & {*HEAVY, "difflib", "email", "locale", "lzma", "ssl", "tempfile"} == set()
    own = {name for name in loaded if name.startswith("expander.")}
    assert [name for name in own if name.split(".")[1] in ("local", "plan", "queues", "api")] == []
    others = {
        "group.results",
        "group.source",
        "render.shell",
        "submit.policy_retries",
        "batch.command_template",
        "validate.cel",
    }
    assert loaded & {f"expander.{name}" for name in others} == set()


def test_a_run_loads_nothing_for_other_kinds_a_shared_cluster_or_failures(tmp_path: Path) -> None:
    loaded = loaded_by("run", "apple", "--runtime", "process", "--state", str(tmp_path), "--", "true")
    assert "expander.local.controllers.job.controller" in loaded
    controllers = "expander.local.controllers"
    others = ("cluster_scope", "volcano.controller", "cronjob.sync")
    assert loaded & {f"{controllers}.{name}" for name in others} == set()
    assert loaded & {"csv", "ctypes", "hashlib", "lzma", "shutil"} == set()
    unused = (
        "group.logs",
        "group.open",
        "kube.cron",
        "local.kubelet.usage",
        "render.shell",
        "run.escalation",
    )
    assert loaded & {f"expander.{name}" for name in unused} == set()


def test_a_run_starts_its_supervisor_before_it_loads_the_executor(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys\nfrom expander.cli.main import run\n"
        "start = subprocess.Popen.__init__\n"
        "def told(*args, **kwargs):\n    print(*sys.modules, file=sys.stderr)\n    start(*args, **kwargs)\n"
        "subprocess.Popen.__init__ = told\n"
        f"run(['run', 'a', '--runtime', 'process', '--state', {str(tmp_path)!r}, '--', 'true'])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(answer.stderr.split("\n")[0].split())
    assert "expander.local.runtime.supervisor_start" in loaded
    late = ("local.executor", "local.state", "local.kubelet.kubelet", "group.known.summaries", "run.run")
    assert loaded & {"sqlite3", "socket", *(f"expander.{name}" for name in late)} == set()


def test_the_supervisor_of_a_run_loads_little() -> None:
    code = "import sys, expander.local.runtime.supervisor\nprint(*sys.modules)"
    answer = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    assert (
        set(answer.stdout.split()) & {"dataclasses", "json", "pathlib", "re", "subprocess", "typing"} == set()
    )
