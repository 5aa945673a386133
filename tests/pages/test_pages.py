"""The commands of Kubernetes' "Run Jobs" pages, in their order and as the pages print them, at one server.

Only what a page cannot know is different: names of pods, `sleep`s, and a wait where a page says "after a while".
What a page fetches, builds or installs is there: an address of a manifest is its file, that of an example unless it
stands here, and images run programs of this machine. Left out are `nslookup`, since pods have names but no name
server, and the second `foo` of `amqp-declare-queue -q foo -d foo`, which the program refuses.
"""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import run
from tests.console import play

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"
PAGES = os.environ.get("EXPANDER_PAGES", "expansion indexed pod-to-pod sequential").split()
"""What runs each time. EXPANDER_PAGES="failure-policy cronjob coarse-queue fine-queue" are the pages that take
longer, up to a minute, and that the sessions of the examples follow too."""

FILES = {
    "job-tmpl.yaml": "01-expansion/job-tmpl.yaml",
    "job.yaml.jinja2": "02-jinja2/job.yaml.jinja2",
    "cronjob.yaml": "04-cronjob/cronjob.yaml",
    "rabbitmq-service.yaml": "05-coarse-work-queue/rabbitmq.yaml",
    "rabbitmq-statefulset.yaml": "05-coarse-work-queue/rabbitmq.yaml",
    "redis-pod.yaml": "06-fine-work-queue/redis.yaml",
    "redis-service.yaml": "06-fine-work-queue/redis.yaml",
    "indexed-job.yaml": "07-indexed-job/job.yaml",
    "job-pod-failure-policy-failjob.yaml": "09-pod-failure-policy/fail-job.yaml",
    "job-pod-failure-policy-ignore.yaml": "09-pod-failure-policy/ignore.yaml",
    "job-pod-failure-policy-config-issue.yaml": "09-pod-failure-policy/config-issue.yaml",
}
FIRST, SECOND = (
    ("rabbitmq-service.yaml", "redis-pod.yaml"),
    ("rabbitmq-statefulset.yaml", "redis-service.yaml"),
)
"""Pages have a file for each document of the example's."""
IMAGES = {
    "job-wq-1": """sh -c 'exec amqp-consume --url=$BROKER_URL -q $QUEUE -c 1 xargs echo Processing'""",
    "job-wq-2": """sh -c 'while item=$(redis-cli -h redis --raw lpop job2) && test -n "$item"; do echo "Working on $item"; done'""",
}
"""What the images do that the pages build."""
FUNCTIONS = {
    "curl": 'test -f "$(basename "${@: -1:1}")"',
    "kubectl": """
    local words=("${@/#https:*\\//}")
    case " $* " in
        *" --tty "*) "$PYTHON" "$TYPIST" kubectl "${words[@]}" ;;
        *) command kubectl "${words[@]}" ;;
    esac""",
}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    state = tmp_path_factory.mktemp("pages") / "state"
    images = [word for name, command in IMAGES.items() for word in ("--image-command", f"{name}={command}")]
    options = ["--detach", "--cpus", "8", "--backoff-base", "1s", "--env", "GO=/nowhere", *images]
    assert run("serve", "--state", str(state), *options).code == 0
    yield state / "kubeconfig"
    run("serve", "stop", "--state", str(state))


def manifests(folder: Path) -> None:
    """What the pages download, without the time that their containers sleep."""
    found = {path.name: path.read_text() for path in HERE.glob("*.yaml")}
    for name, example in FILES.items():
        found[name] = (EXAMPLES / example).read_text()
        documents = found[name].split("\n---\n")
        if name in FIRST + SECOND:
            found[name] = documents[name in SECOND]
    for name, text in found.items():
        (folder / name).write_text(re.sub(r" && sleep [0-9]+", "", text))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_works_as_printed(
    page: str, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifests(tmp_path)
    monkeypatch.setenv("KUBECONFIG", str(config))
    monkeypatch.setenv("BASHOPTS", "expand_aliases")
    monkeypatch.setenv("PYTHON", sys.executable)
    monkeypatch.setenv("TYPIST", str(HERE / "typist.py"))
    for name, body in FUNCTIONS.items():
        monkeypatch.setenv(f"BASH_FUNC_{name}%%", f"() {{ {body}\n}}")
    assert play(HERE / f"{page}.md", tmp_path) > 0
