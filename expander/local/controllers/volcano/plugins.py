"""The plugins of Volcano Jobs: what they add to pods, and the objects they make.

pkg/controllers/job/plugins of Volcano decides. ``env`` numbers the pods of a task, ``svc`` gives them names
and tells them each other's, ``pytorch`` sets up a process group.
`UNSUPPORTED_PLUGINS` do nothing here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from expander.kube.wellknown import Object

UNSUPPORTED_PLUGINS: Final = {
    "ssh": "no keys are made and no sshd is there: pods of this machine do not log in to each other",
    "mpi": "only its svc part is: there is no ssh between pods",
    "tensorflow": "TF_CONFIG is not set",
    "ray": "no Ray cluster is set up",
    "hcclrank": "there are no Ascend devices",
}
"""Plugins that a run on this machine accepts and does not give, and what is missing."""

HOSTS_MOUNT_PATH: Final = "/etc/volcano"
PYTORCH_PORT: Final = 23456
"""Where the first process of a PyTorch group listens."""


def apply_plugins(pod: dict[str, Any], job: Object, index: int) -> dict[str, Any]:
    """``pod`` with what the Job's plugins add to it; ``index`` is its number in its task."""
    plugins = job["spec"].get("plugins") or {}
    spec: dict[str, Any] = pod["spec"]
    env: list[dict[str, Any]] = []
    mounts: list[dict[str, Any]] = []
    if "env" in plugins:
        env += [{"name": name, "value": str(index)} for name in ("VK_TASK_INDEX", "VC_TASK_INDEX")]
    if "svc" in plugins:
        name = hosts_config_name(job)
        spec["hostname"] = spec.get("hostname") or pod["metadata"]["name"]
        spec["subdomain"] = spec.get("subdomain") or job["metadata"]["name"]
        env += [_from_config(name, key) for key in hosts(job) if key.startswith("VC_")]
        spec["volumes"] = [*(spec.get("volumes") or ()), {"name": name, "configMap": {"name": name}}]
        mounts.append({"name": name, "mountPath": HOSTS_MOUNT_PATH})
    if "pytorch" in plugins:
        env += _process_group(job, pod, plugins["pytorch"] or ())
    if env or mounts:
        for kind in ("initContainers", "containers"):
            if spec.get(kind):
                spec[kind] = [_added(container, env, mounts) for container in spec[kind]]
    return pod


def unsupported_plugins(job: Object) -> list[str]:
    """What is to be said of a Job where something of it does nothing here."""
    spec = job.get("spec") or {}
    told = [
        f"plugin {name}: {UNSUPPORTED_PLUGINS[name]}"
        for name in spec.get("plugins") or {}
        if name in UNSUPPORTED_PLUGINS
    ]
    if any(not volume.get("volumeClaimName") for volume in spec.get("volumes") or ()):
        told.append("volumeClaim in spec.volumes: no claim is made, each pod has an empty folder of its own")
    return told


def plugin_objects(job: Object, owner: dict[str, Any]) -> list[dict[str, Any]]:
    """The objects that the plugins make before the first pod: names of hosts, and the Service behind them."""
    plugins = job["spec"].get("plugins") or {}
    if "svc" not in plugins:
        return []
    name, namespace = job["metadata"]["name"], job["metadata"].get("namespace", "default")
    metadata = {"namespace": namespace, "ownerReferences": [owner]}
    early = _flag(plugins["svc"] or (), "publish-not-ready-addresses")
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {**metadata, "name": hosts_config_name(job)},
            "data": hosts(job),
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {**metadata, "name": name},
            "spec": {
                "clusterIP": "None",
                "selector": {"volcano.sh/job-name": name, "volcano.sh/job-namespace": namespace},
                "publishNotReadyAddresses": early,
            },
        },
    ]


def hosts_config_name(job: Object) -> str:
    """The ConfigMap with the names of a Job's hosts."""
    return f"{job['metadata']['name']}-svc"


def hosts(job: Object) -> dict[str, str]:
    """The names of the hosts of every task: a file with one on each line, and variables."""
    found: dict[str, str] = {}
    for task in job["spec"]["tasks"]:
        names = task_hosts(job, task)
        word = task["name"].replace("-", "_")
        found[f"{word}.host"] = "\n".join(names)
        found[f"VC_{word.upper()}_HOSTS"] = ",".join(names)
        found[f"VC_{word.upper()}_NUM"] = str(len(names))
    return found


def task_hosts(job: Object, task: Object) -> list[str]:
    """The names of the hosts of one task; a host name of its own in the template makes it a single one."""
    name, spec = job["metadata"]["name"], task["template"]["spec"]
    domain = spec.get("subdomain") or name
    if spec.get("hostname"):
        return [f"{spec['hostname']}.{domain}"]
    return [f"{name}-{task['name']}-{index}.{domain}" for index in range(task["replicas"])]


def _process_group(job: Object, pod: Object, arguments: Sequence[str]) -> list[dict[str, Any]]:
    """PyTorch's variables: rank 0 is the master, the workers come after it."""
    roles = {role: _value(arguments, role) or role for role in ("master", "worker")}
    tasks = {task["name"]: task for task in job["spec"]["tasks"]}
    task = pod["metadata"]["labels"]["volcano.sh/task-spec"]
    if roles["master"] not in tasks or task not in roles.values():
        return []
    masters = task_hosts(job, tasks[roles["master"]])
    workers = tasks[roles["worker"]]["replicas"] if roles["worker"] in tasks else 0
    index = int(pod["metadata"]["labels"]["volcano.sh/task-index"])
    values = {
        "MASTER_ADDR": masters[0] if masters else "",
        "MASTER_PORT": _value(arguments, "port") or str(PYTORCH_PORT),
        "WORLD_SIZE": str(len(masters) + workers),
        "RANK": str(index + (len(masters) if task == roles["worker"] else 0)),
    }
    return [{"name": name, "value": value} for name, value in values.items()]


def _added(container: Object, env: Sequence[Object], mounts: Sequence[Object]) -> dict[str, Any]:
    return {
        **container,
        "env": [*(container.get("env") or ()), *env],
        "volumeMounts": [*(container.get("volumeMounts") or ()), *mounts],
    }


def _from_config(name: str, key: str) -> dict[str, Any]:
    return {"name": key, "valueFrom": {"configMapKeyRef": {"name": name, "key": key}}}


def _value(arguments: Sequence[str], name: str) -> str | None:
    """The value of ``--name=value``, the last one given."""
    found = None
    for argument in arguments:
        key, equals, value = argument.lstrip("-").partition("=")
        if equals and key == name:
            found = value
    return found


def _flag(arguments: Sequence[str], name: str) -> bool:
    """Whether a flag of Go's kind is set."""
    return any(argument.lstrip("-") == name for argument in arguments) or _value(arguments, name) == "true"
