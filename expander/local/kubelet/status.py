"""The whole status of a pod, as the kubelet sends it to the API server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from expander.kube.time import api_time
from expander.local.kubelet.conditions import OURS, Verdict, verdicts
from expander.local.kubelet.container_status import container_status
from expander.local.kubelet.phase import Phase, phase

if TYPE_CHECKING:
    from expander.local.kubelet.pod import Pod


class Conditions:
    """The kubelet's conditions of a pod: each keeps the time of its last change."""

    __slots__ = ("_since",)

    def __init__(self, before: Mapping[str, Mapping[str, Any]]) -> None:
        self._since = {
            kind: (before[kind]["status"], before[kind].get("lastTransitionTime"))
            for kind in OURS
            if kind in before
        }

    def write(self, found: tuple[Verdict, ...], generation: int | None, now: float) -> list[dict[str, Any]]:
        """The conditions with these verdicts, in the API's form."""
        time = api_time(now)
        written = []
        for kind, (holds, reason, message) in zip(OURS, found, strict=True):
            status = "True" if holds else "False"
            known = self._since.get(kind)
            if known is None or known[0] != status:
                self._since[kind] = known = (status, time)
            condition: dict[str, Any] = {
                "type": kind,
                "status": status,
                "lastProbeTime": None,
                "lastTransitionTime": known[1],
            }
            if generation is not None:
                condition["observedGeneration"] = generation
            if reason is not None:
                condition["reason"] = reason
            if message is not None:
                condition["message"] = message
            written.append(condition)
        return written


def status_of(pod: Pod, now: float) -> dict[str, Any]:
    """The status of ``pod``, without the conditions that others keep."""
    verdict: Phase = phase(pod.first, pod.main, pod.over)
    stop = pod.stop
    if pod.over and stop is not None and stop.reason is not None:
        verdict = "Failed"
    found = verdicts(
        pod.first,
        pod.main,
        verdict,
        pod.volumes is not None and not pod.over,
        pod.spec.get("readinessGates") or (),
        pod.others(),
    )
    generation = pod.metadata.get("generation")
    status: dict[str, Any] = {
        "phase": verdict,
        "conditions": pod.conditions.write(found, generation, now),
        "hostIP": pod.place.node.ip,
        "hostIPs": [{"ip": pod.place.node.ip}],
        "startTime": pod.start_time,
        "qosClass": pod.quality,
        "containerStatuses": [container_status(part, bool(pod.first)) for part in pod.main],
    }
    if pod.volumes is not None:
        status["podIP"] = pod.place.pod_ip
        status["podIPs"] = [{"ip": pod.place.pod_ip}]
    if pod.first:
        status["initContainerStatuses"] = [container_status(part, True) for part in pod.first]
    if generation is not None:
        status["observedGeneration"] = generation
    if pod.over and stop is not None and stop.reason is not None:
        status["reason"] = stop.reason
        status["message"] = stop.message
    return status
