"""How the containers of a cluster reach its API: names, variables, tokens, and a kubeconfig.

Variables lead to where the server really listens, and so do names, at port 443 too if this user may listen
there. A container without mounts of its own (runtime ``process``) does not see the token where client
libraries look for it: a kubeconfig beside it, which ``KUBECONFIG`` names, leads there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from expander.base.dataclass import dataclass
from expander.kube.wellknown import AUTHORITY_KEY
from expander.local.kubelet.node import VolumeError
from expander.local.kubelet.pod_files import write_whole

API_NAMES: Final = (
    "kubernetes.default.svc.cluster.local",
    "kubernetes.default.svc",
    "kubernetes.default",
    "kubernetes",
)
"""The names of the Service of the API; the last one in its own namespace only."""

KUBECONFIG: Final = "kubeconfig"
"""The file with a kubeconfig, beside the token."""

IssueToken = Callable[[Mapping[str, Any], str, int], str | None]
"""A token for a pod, an audience ("" for the API) and so many seconds; None without a service account."""


@dataclass(slots=True)
class ApiAccess:
    """Where the API is; ``address`` is an IP address, empty while pods cannot reach it (no server, or one
    without TLS, which client libraries do not speak to from a pod). ``forwarded`` is another one, where port
    443 leads to it too, if there is such.
    """

    address: str = ""
    port: int = 0
    forwarded: str | None = None
    issue: IssueToken | None = None

    def names(self, namespace: str) -> dict[str, str]:
        """The names under which pods of a namespace find the API, each with its address."""
        if not self.address:
            return {}
        known = API_NAMES if namespace == "default" else API_NAMES[:-1]
        return dict.fromkeys(known, self.forwarded or self.address)

    def token(self, pod: Mapping[str, Any], source: Mapping[str, Any]) -> bytes:
        """The token that a ``serviceAccountToken`` of a volume asks for. Raises VolumeError."""
        if self.issue is None:
            raise VolumeError("a projected serviceAccountToken needs an API server (expander serve)")
        found = self.issue(pod, source.get("audience") or "", source.get("expirationSeconds") or 3600)
        if found is None:
            name = pod["spec"].get("serviceAccountName") or "default"
            raise VolumeError(f'failed to fetch token: serviceaccounts "{name}" not found')
        return found.encode()

    def write_kubeconfig(self, namespace: str, folder: str) -> str:
        """The path of a kubeconfig for the token and the authority in ``folder``, written there."""
        server = f"https://{f'[{self.address}]' if ':' in self.address else self.address}:{self.port}"
        cluster = {"server": server, "certificate-authority": f"{folder}/{AUTHORITY_KEY}"}
        context = {"cluster": "pod", "user": "pod", "namespace": namespace}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "pod", "cluster": cluster}],
            "users": [{"name": "pod", "user": {"tokenFile": f"{folder}/token"}}],
            "contexts": [{"name": "pod", "context": context}],
            "current-context": "pod",
        }
        path = f"{folder}/{KUBECONFIG}"
        write_whole(path, json.dumps(config).encode(), 0o644)
        return path
