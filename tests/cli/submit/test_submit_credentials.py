"""``submit`` against a served cluster that asks for credentials over TLS."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.cluster import cluster, template
from tests.cli.program import EXPANDER, Answer
from tests.client.stubs import plugin, proxy
from tests.local.apiserver.serving import Server

NAME = "cluster.example"
WRONG = "wr0ng-t0ken-that-nobody-may-see"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with cluster(tmp_path_factory.mktemp("served"), "--tls", "--name", NAME) as server:
        yield server


def there(server: Server) -> set[str]:
    answer = server.request("GET", "/apis/batch/v1/jobs", headers={"Authorization": f"Bearer {server.token}"})
    return {job["metadata"]["name"] for job in answer.json["items"]}


def kubeconfig(folder: Path, place: Server, user: Any = None, **cluster: Any) -> Path:
    """The place's kubeconfig with another user, and other fields of the cluster."""
    tree = yaml.safe_load(place.kubeconfig.read_text())
    tree["users"][0]["user"] = {"token": place.token} if user is None else user
    tree["clusters"][0]["cluster"] |= cluster
    path = folder / "kubeconfig"
    path.write_text(json.dumps(tree))
    return path


def credential(token: str) -> str:
    kind = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential"}
    return f"echo '{json.dumps({**kind, 'status': {'token': token}})}'"


def submitted(folder: Path, place: Server, config: Path, *arguments: str, **environment: str) -> Answer:
    """A run to its end, after which no credential is in what it printed, logged or wrote."""
    command = [EXPANDER, "submit", *arguments, "--kubeconfig", str(config), "-o", "json", "-vv"]
    done = subprocess.run(
        [*command, "--state", str(folder / "journals")],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=300,
        env={**os.environ, **environment},
        check=False,
    )
    written = [path.read_bytes() for path in (folder / "journals").rglob("*") if path.is_file()]
    for secret in (place.token, WRONG):
        assert secret not in done.stdout + done.stderr
        assert not any(secret.encode() in each for each in written)
    return Answer(done.returncode, done.stdout, done.stderr)


def test_a_plugin_is_asked_again_when_its_token_has_been_rotated(served: Server, tmp_path: Path) -> None:
    (tmp_path / "first").write_text("x")
    script = f"rm {tmp_path}/first 2>/dev/null && {credential(WRONG)} && exit; {credential(served.token)}"
    config = kubeconfig(tmp_path, served, plugin(tmp_path, script))
    answer = submitted(tmp_path, served, config, template(tmp_path, "name: rotated-$ITEM"), "-i", "0-29")
    assert answer.code == 0, answer.err
    assert there(served) >= {f"rotated-{number}" for number in range(30)}


def in_turn(folder: Path, *scripts: str) -> str:
    """A script that does one of these at each run, and the last from then on."""
    count = f"echo x >> {folder}/runs; case $(($(wc -l < {folder}/runs))) in"
    first = "".join(f"{number}) {each};; " for number, each in enumerate(scripts[:-1], 1))
    return f"{count} {first}*) {scripts[-1]};; esac"


FAILS = "echo 'the token service is busy' >&2; exit 1"


def test_a_plugin_that_fails_once_at_a_renewal_is_run_again(served: Server, tmp_path: Path) -> None:
    script = in_turn(tmp_path, credential(WRONG), FAILS, credential(served.token))
    config = kubeconfig(tmp_path, served, plugin(tmp_path, script))
    answer = submitted(tmp_path, served, config, template(tmp_path, "name: renewed-$ITEM"), "-i", "0-29")
    assert answer.code == 0, answer.err
    assert there(served) >= {f"renewed-{number}" for number in range(30)}


def test_a_plugin_that_fails_at_each_renewal_ends_it_with_its_words_in_time(
    served: Server, tmp_path: Path
) -> None:
    config = kubeconfig(tmp_path, served, plugin(tmp_path, in_turn(tmp_path, credential(WRONG), FAILS)))
    path = template(tmp_path, "name: lost-$ITEM")
    answer = submitted(tmp_path, served, config, path, "-i", "0-29", "--retry-budget", "3s")
    assert answer.code == 1
    assert "no credentials for context" in answer.err
    assert "exited with 1: the token service is busy" in answer.err
    assert 2 <= (tmp_path / "runs").read_text().count("x") <= 5
    assert not any(name.startswith("lost") for name in there(served))


def test_credentials_that_are_not_accepted_end_it_and_it_can_be_resumed(
    served: Server, tmp_path: Path
) -> None:
    path = template(tmp_path, "name: expired-$ITEM")
    config = kubeconfig(tmp_path, served, {"token": WRONG})
    answer = submitted(tmp_path, served, config, path, "-i", "0-9")
    assert answer.code == 1
    assert "Unauthorized" in answer.err
    assert not any(name.startswith("expired") for name in there(served))
    config = kubeconfig(tmp_path, served)
    answer = submitted(tmp_path, served, config, path, "-i", "0-9", "--resume")
    assert answer.code == 0, answer.err
    assert there(served) >= {f"expired-{number}" for number in range(10)}


def test_what_a_plugin_says_when_it_fails_is_shown_without_its_secrets(
    served: Server, tmp_path: Path
) -> None:
    user = plugin(tmp_path, f"echo 'log in again: token={WRONG}' >&2; exit 1")
    config = kubeconfig(tmp_path, served, user)
    answer = submitted(tmp_path, served, config, template(tmp_path), "a")
    assert answer.code == 2
    assert "log in again" in answer.err
    assert "Traceback" not in answer.err


def test_a_batch_goes_through_the_proxy_of_the_environment(served: Server, tmp_path: Path) -> None:
    with proxy(served.port) as way:
        config = kubeconfig(tmp_path, served, server=f"https://{NAME}:6443")
        path = template(tmp_path, "name: proxied-$ITEM")
        address = f"http://127.0.0.1:{way.port}"
        answer = submitted(tmp_path, served, config, path, "-i", "0-9", HTTPS_PROXY=address)
        assert answer.code == 0, answer.err
        assert way.asked
        assert all(asked.startswith(f"CONNECT {NAME}:6443 ") for asked in way.asked)
        count = len(way.asked)
        plain = submitted(tmp_path, served, kubeconfig(tmp_path, served), path, "z", HTTPS_PROXY=address)
        assert plain.code == 0, plain.err
        assert len(way.asked) == count, "this machine is reached directly"
    assert there(served) >= {f"proxied-{number}" for number in range(10)}


def test_a_server_that_cannot_be_trusted_is_named(served: Server, tmp_path: Path) -> None:
    config = kubeconfig(tmp_path, served, **{"tls-server-name": "other.example"})
    answer = submitted(tmp_path, served, config, template(tmp_path), "a", "--retry-budget", "1s")
    assert answer.code == 1
    assert "certificate verify failed" in answer.err
