"""Kubeconfigs of anything: what cannot be used is one error, whatever stands in which place."""

from __future__ import annotations

import base64
import json
import re
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from expander.base.errors import InputError
from expander.base.extras import install_command
from expander.client import auth_provider
from expander.client.kubeconfig import load_context
from expander.client.transport import Transport
from expander.client.waits import PLUGINS
from tests.group.test_hostile_objects import JUNK, changed, places

WHOLE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [
        {
            "name": "c",
            "cluster": {
                "server": "https://127.0.0.1:1",
                "insecure-skip-tls-verify": True,
                "tls-server-name": "x",
                "proxy-url": "http://127.0.0.1:1",
            },
        }
    ],
    "users": [
        {
            "name": "u",
            "user": {
                "token": "t",
                "username": "n",
                "password": "p",
                "as": "a",
                "as-uid": "1",
                "as-groups": ["g"],
                "as-user-extra": {"k": ["v"]},
            },
        }
    ],
    "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "n"}}],
    "current-context": "x",
}


def written(folder: Path, tree: Any) -> str:
    path = folder / "config"
    path.write_text(json.dumps(tree))
    return str(path)


def test_each_value_of_a_kubeconfig_may_be_anything(tmp_path: Path) -> None:
    Transport(written(tmp_path, WHOLE)).close()
    for path in places(WHOLE):
        for value in JUNK:
            try:
                with closing(Transport(written(tmp_path, changed(WHOLE, path, value)))):
                    pass
            except InputError:
                pass
            except Exception as error:
                pytest.fail(f"{path} {str(value)[:40]}: {error!r}")


def test_a_certificate_that_is_not_there_is_named_and_not_taken_for_no_cluster(tmp_path: Path) -> None:
    there = {"server": "https://127.0.0.1:1", "certificate-authority": "/nowhere/ca.crt"}
    with pytest.raises(InputError) as caught:
        Transport(written(tmp_path, changed(WHOLE, ("clusters", 0, "cluster"), there)))
    assert str(caught.value) == (
        "cannot read /nowhere/ca.crt: No such file or directory\n"
        "  hint: the configuration of the cluster names this file"
    )


@pytest.mark.parametrize("namespace", ["a b", "../../x", "x\r\nY: z", "UPPER", "x" * 64])
def test_a_namespace_that_cannot_be_is_an_error(tmp_path: Path, namespace: str) -> None:
    place = ("contexts", 0, "context", "namespace")
    with pytest.raises(InputError, match="not a valid name"):
        Transport(written(tmp_path, changed(WHOLE, place, namespace)))


def test_what_a_provider_raises_is_one_error_and_its_run_is_known_until_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = {"auth-provider": {"name": "oidc", "config": {}}}
    config = written(tmp_path, changed(WHOLE, ("users", 0, "user"), user))
    said: list[str] = []

    class Module:
        """The official client, whose provider fails in its own way."""

        Configuration = ConfigException = type("Any", (Exception,), {})

        @staticmethod
        def load_kube_config(*_: object, **__: object) -> None:
            said.extend(wait.why for wait in [PLUGINS.longest(0.0)] if wait is not None)
            raise AttributeError("'NoneType' object has no attribute 'token'")

    monkeypatch.setattr(auth_provider, "_client", lambda: (Module, Module))
    with pytest.raises(InputError, match="cannot get credentials: AttributeError"):
        Transport(config)
    assert said == ["waiting for the credentials of context 'x'"]
    assert PLUGINS.longest(0.0) is None


def test_a_provider_without_the_official_client_names_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    user = {"auth-provider": {"name": "oidc", "config": {}}}
    with pytest.raises(InputError, match=re.escape(install_command("auth-provider"))):
        Transport(written(tmp_path, changed(WHOLE, ("users", 0, "user"), user)))


def test_the_official_client_is_asked_for_the_token_of_a_provider(tmp_path: Path) -> None:
    parts = [{"alg": "none"}, {"exp": 4102444800}]  # in the year 2100
    token = (
        ".".join(base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in parts)
        + ".x"
    )
    user = {"auth-provider": {"name": "oidc", "config": {"id-token": token}}}
    config = written(tmp_path, changed(WHOLE, ("users", 0, "user"), user))
    assert (
        auth_provider.provider_config(config, load_context(config, None)).authorization() == f"Bearer {token}"
    )
