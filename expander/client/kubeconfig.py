"""Reads kubeconfig files by the rules of client-go (clientcmd): no network, no plugins.

Of the files in ``$KUBECONFIG`` the first that sets a value wins, also for the current context; paths are
relative to the file that names them; ``tokenFile`` wins over ``token``. Users with an exec plugin are left to
`exec_plugin`, those with an auth provider to `auth_provider`. In a pod the files are its service account's.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, Final
from urllib.parse import urlsplit

from expander.base.dataclass import dataclass
from expander.base.errors import InputError
from expander.base.option_names import option
from expander.base.regex import regex
from expander.base.waiting import waiting_opener

SERVICE_ACCOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
"""The folder in a pod with the token, the authority and the namespace of its service account."""

_PATHS: Final = {
    "cluster": ("certificate-authority",),
    "user": ("client-certificate", "client-key", "tokenFile"),
}
"""Fields that are file paths."""


def _hint() -> str:
    file = option("--kubeconfig FILE")
    return f"specify {file} or set KUBECONFIG; `expander serve` starts a local cluster"


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """A server and the credentials for it (client-go: rest.Config). ``server`` is a URL and may have a path.

    ``authority``, ``certificate`` and ``key`` are PEM texts; without ``authority`` those of the system are
    trusted. ``authorization`` gives the value of the Authorization header, empty for none, and may read a
    file. ``proxy`` is the ``proxy-url`` of the kubeconfig, ``local_state`` the state folder of a server of
    `expander serve`, which writes it there.
    """

    server: str = field(repr=False)
    namespace: str = "default"
    authorization: Callable[[], str] = field(default=str, repr=False)
    authority: str = field(default="", repr=False)
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    verify: bool = True
    server_name: str = ""
    impersonation: tuple[tuple[str, str], ...] = ()
    proxy: str = field(default="", repr=False)
    local_state: str = ""

    @property
    def shown(self) -> str:
        """The URL of the server without a user and password."""
        parts = urlsplit(self.server)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


@dataclass(frozen=True, slots=True)
class Context:
    """A context with its cluster and user, as the files have them."""

    name: str
    namespace: str
    cluster: Mapping[str, Any] = field(repr=False)
    user: Mapping[str, Any] = field(repr=False)

    @property
    def proxy(self) -> str:
        """The ``proxy-url`` of the cluster, empty for none."""
        return str(self.cluster.get("proxy-url") or "")

    @property
    def local_state(self) -> str:
        """The state folder of a server of `expander serve`, empty for any other cluster."""
        for each in self.cluster.get("extensions") or ():
            if isinstance(each, Mapping) and each.get("name") == "expander":
                found = each.get("extension")
                return str(found.get("state") or "") if isinstance(found, Mapping) else ""
        return ""


def kubeconfig_files(given: str | None) -> str:
    """The kubeconfig files that count, as ``$KUBECONFIG`` lists them; ``given`` is an option's."""
    return given or os.environ.get("KUBECONFIG") or os.path.expanduser("~/.kube/config")


def names_cluster(source: str) -> bool:
    """Whether the files in ``source`` have a current context, or cannot be read; not when there are none."""
    try:
        return bool(_merged(source)[0])
    except InputError:
        return any(map(os.path.exists, filter(None, source.split(os.pathsep))))


def load_context(source: str, context: str | None) -> Context:
    """The context named ``context``, or the current one, of the files in ``source``.

    Raises InputError when it, its cluster or its user is missing.
    """
    current, found = _merged(source)
    name = context or current
    if not name:
        raise no_cluster_error(f"no current context in kubeconfig {source}")
    entry = found["context"].get(name)
    if entry is None:
        known = ", ".join(sorted(found["context"])) or "none"
        raise no_cluster_error(f"context {name!r} not found in kubeconfig {source}; contexts: {known}")
    cluster = found["cluster"].get(entry.get("cluster") or "")
    if cluster is None or not cluster.get("server"):
        raise no_cluster_error(f"cluster {entry.get('cluster')!r} of context {name!r} has no server")
    if entry.get("user") and entry["user"] not in found["user"]:
        raise no_cluster_error(f"user {entry['user']!r} of context {name!r} not found")
    user = found["user"].get(entry.get("user") or "") or {}
    namespace = str(entry.get("namespace") or "default")
    if not _NAMESPACE.fullmatch(namespace):
        raise no_cluster_error(f"namespace {namespace!r} of context {name!r} is not a valid name")
    return Context(name, namespace, cluster, user)


_NAMESPACE: Final = regex(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
"""DNS-1123 labels."""


def service_account_config() -> ClientConfig:
    """The service account of this pod (client-go: rest.InClusterConfig). Raises InputError without one."""
    host, port = (os.environ.get(f"KUBERNETES_SERVICE_{each}") for each in ("HOST", "PORT"))
    if not host or not port:
        raise no_cluster_error("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set")
    files = {name: os.path.join(SERVICE_ACCOUNT, name) for name in ("token", "ca.crt", "namespace")}
    _text(files["token"])
    namespace = _text(files["namespace"]).strip() if os.path.exists(files["namespace"]) else ""
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    cluster = {"server": server, "certificate-authority": files["ca.crt"]}
    return client_config(Context("", namespace or "default", cluster, {"tokenFile": files["token"]}))


def client_config(context: Context) -> ClientConfig:
    """The configuration of a context as its files have it. Raises InputError when one cannot be read."""
    cluster, user = context.cluster, context.user
    return ClientConfig(
        str(cluster["server"]).rstrip("/"),
        context.namespace,
        _authorization(user),
        _pem(cluster, "certificate-authority"),
        _pem(user, "client-certificate"),
        _pem(user, "client-key"),
        not cluster.get("insecure-skip-tls-verify"),
        str(cluster.get("tls-server-name") or ""),
        impersonation(user),
        context.proxy,
        context.local_state,
    )


def impersonation(user: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The impersonation headers: ``as``, ``as-uid``, ``as-groups`` and ``as-user-extra`` of a user."""
    found = [("Impersonate-User", user.get("as")), ("Impersonate-Uid", user.get("as-uid"))]
    try:
        found += [("Impersonate-Group", group) for group in user.get("as-groups") or ()]
        for name, values in (user.get("as-user-extra") or {}).items():
            found += [(f"Impersonate-Extra-{name}", value) for value in values]
    except (TypeError, AttributeError):
        raise no_cluster_error("as-groups or as-user-extra of the user is not valid") from None
    return tuple((name, str(value)) for name, value in found if value)


def no_cluster_error(why: str) -> InputError:
    """The error when no cluster can be found or its configuration cannot be used."""
    return InputError(f"no cluster configured: {why}", hint=_hint())


def _merged(source: str) -> tuple[str, dict[str, dict[str, Any]]]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    current, any_file = "", False
    found: dict[str, dict[str, Any]] = {"cluster": {}, "context": {}, "user": {}}
    for path in filter(None, source.split(os.pathsep)):
        path = os.path.abspath(os.path.expanduser(path))
        if not os.path.exists(path):
            continue
        any_file = True
        try:
            with open(path, encoding="utf-8", opener=waiting_opener) as file:
                tree = yaml.load(file, loader)
            tree = {} if tree is None else tree
            current = current or str(tree.get("current-context") or "")
            for kind, entries in found.items():
                for each in tree.get(f"{kind}s") or ():
                    entries.setdefault(_named(each["name"]), _placed(kind, each.get(kind) or {}, path))
        except OSError as error:
            raise no_cluster_error(f"{path}: {error.strerror}") from None
        except yaml.YAMLError as error:
            line = getattr(getattr(error, "problem_mark", None), "line", None)
            where = "" if line is None else f":{line + 1}"
            raise no_cluster_error(f"{path}{where} is not valid YAML") from None  # the text may hold a secret
        except (AttributeError, KeyError, TypeError, ValueError):
            raise no_cluster_error(f"{path} is not a kubeconfig") from None
    if not any_file:
        raise no_cluster_error(f"kubeconfig {source} not found")
    return current, found


def _named(name: Any) -> str:
    """The name of an entry. Raises TypeError for anything but a text."""
    if not isinstance(name, str):
        raise TypeError("a name that is no text")
    return name


def _placed(kind: str, entry: Mapping[str, Any], path: str) -> dict[str, Any]:
    """``entry`` with absolute paths."""
    if kind == "context":
        entry = {**entry, **{name: _named(entry[name]) for name in ("cluster", "user") if entry.get(name)}}
    base = os.path.dirname(path)
    if kind == "user" and os.sep in (command := (entry.get("exec") or {}).get("command") or ""):
        entry = {**entry, "exec": {**entry["exec"], "command": os.path.normpath(os.path.join(base, command))}}
    made = {name: os.path.join(base, entry[name]) for name in _PATHS.get(kind, ()) if entry.get(name)}
    return {**entry, **made}


def _authorization(user: Mapping[str, Any]) -> Callable[[], str]:
    path, token = user.get("tokenFile"), user.get("token")
    if path:
        return lambda: f"Bearer {_text(path).strip()}"
    if token:
        return lambda: f"Bearer {token}"
    if user.get("username"):
        pair = b64encode(f"{user['username']}:{user.get('password') or ''}".encode()).decode()
        return lambda: f"Basic {pair}"
    return str


def _pem(entry: Mapping[str, Any], name: str) -> str:
    data = entry.get(f"{name}-data")
    if data:
        try:
            return b64decode(data).decode()
        except (ValueError, TypeError):
            raise no_cluster_error(f"{name}-data is not valid base64") from None
    return _text(entry[name]) if entry.get(name) else ""


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", opener=waiting_opener) as file:
            return file.read()
    except (OSError, ValueError, TypeError) as error:
        why = getattr(error, "strerror", "not text")
        raise InputError(
            f"cannot read {path}: {why}", hint="the configuration of the cluster names this file"
        ) from None
