"""Images that a container engine is to have before a container starts: pkg/kubelet/images/image_manager.go.

The engine is asked by a process beside the container's; what it says when it fails is the message. A failed
pull is tried again after a back-off that doubles, as a container's restarts do.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from expander.local.kubelet.container import Container
from expander.local.kubelet.pod import Pod
from expander.local.kubelet.pull_attempt import ImagePull, PullAttempt
from expander.local.runtime.runtime import Launch

SHOWN_SECONDS = 1.0
"""Seconds that a failure is shown before it is a back-off."""


class ImagePulls:
    """The images that the engine is known to have, with the user that each names."""

    def __init__(self) -> None:
        self._users: dict[str, str] = {}

    def user(self, image: str) -> str:
        """The user in the configuration of an image that is there."""
        return self._users.get(image, "")

    def ready(
        self, pod: Pod, container: Container, start: Callable[[PullAttempt], object], now: float
    ) -> bool:
        """Whether the engine has the image of a container; else ``start`` asks it, and the pod tells how that
        goes.
        """
        image = container.spec.get("image", "")
        policy = container.spec.get("imagePullPolicy") or "IfNotPresent"
        pull = container.pull
        if pull is None or pull.attempt is None:
            if policy != "Always" and image in self._users:
                return True
            container.pull = pull or ImagePull(pod.backoff_base)
            start(self._ask(pod, container, container.pull, policy))
            return False
        attempt = pull.attempt
        if attempt.exit is None:
            return False
        pull.attempt = None
        if attempt.exit.exit_code == 0:
            self._users[image] = (attempt.lines() or [""])[-1].strip()
            container.pull = None
            return True
        self._failed(pod, container, attempt.words(), policy, now)
        return False

    def _ask(self, pod: Pod, container: Container, pull: ImagePull, policy: str) -> PullAttempt:
        image = container.spec.get("image", "")
        pull.count += 1
        log = pod.files.exec_output(container.name, "pull")
        with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb"):
            pass
        key = f"{pod.uid}/{container.name}/{container.restart}#pull{pull.count}"
        pull.attempt = PullAttempt(Launch(key, ["pull", image], {}, log, image=image, pull=policy))
        pod.exec_keys.add(key)
        if policy == "Always":
            pod.record_event("Normal", "Pulling", f'Pulling image "{image}"')
        return pull.attempt

    def _failed(self, pod: Pod, container: Container, words: str, policy: str, now: float) -> None:
        """The engine does not have the image, and cannot get it."""
        image, pull = container.spec.get("image", ""), container.pull
        assert pull is not None
        if policy == "Never":
            reason = "ErrImageNeverPull"
            message = f'Container image "{image}" is not present with pull policy of Never'
            pod.record_event("Warning", reason, message)
        else:
            reason, message = "ErrImagePull", words
            pod.record_event("Warning", "Failed", f'Failed to pull image "{image}": {words}')
        pull.error = f"{reason}: {words}"
        pull.backoff.restarted(now)
        container.not_before = pull.backoff.ready_at(now, now)
        _show(pod, container, reason, message, reason)
        pod.wake_at(min(now + SHOWN_SECONDS, container.not_before))


def show_back_off(pod: Pod, container: Container, now: float) -> None:
    """A container waits for its time; a failed pull becomes the wait for the next one."""
    pod.wake_at(container.not_before)
    pull = container.pull
    if pull is None or container.reason != "ErrImagePull":
        return
    if now < pull.backoff.last + SHOWN_SECONDS:
        pod.wake_at(pull.backoff.last + SHOWN_SECONDS)
        return
    message = f'Back-off pulling image "{container.spec.get("image", "")}"'
    pod.record_event("Normal", "BackOff", message)
    _show(pod, container, "ImagePullBackOff", f"{message}: {pull.error}", "ImagePullBackOff")


def _show(pod: Pod, container: Container, reason: str, message: str, event: str) -> None:
    container.reason, container.message = reason, message
    pod.record_event("Warning", "Failed", f"Error: {event}")
    pod.mark_status_changed()
