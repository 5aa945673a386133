"""News from the cluster while a batch is delivered: room in quotas, and Jobs that finish."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

from expander.cluster.asking import Asking, ClusterError, Refused
from expander.cluster.submission import Submission
from expander.cluster.transport import Lost, Transport

LOOK: Final = 0.5
"""Seconds between two looks at the quotas of a namespace in which items are held."""

STAY: Final = 240
"""Seconds for which a watch is asked to stay open."""


def follow_quotas(submission: Submission, asking: Asking) -> None:
    """Let held items go as their quotas get room; ends when the submission does. For a thread of its own."""
    while not submission.is_stopped:
        with submission.lock:
            submission.books.give_up_held(time.monotonic())
            places = submission.books.gate.places()
        for namespace in {place.rsplit("/", 2)[1] for place in places}:
            found: list[Any] | None
            try:
                found = asking.get(f"/api/v1/namespaces/{namespace}/resourcequotas")["items"]
            except ClusterError:
                continue  # not allowed to read, or no answer: the gate lets one item probe now and then
            with submission.lock:
                for place in places:
                    if place.rsplit("/", 2)[1] == namespace:
                        submission.books.gate.look(place, found, time.monotonic())
                submission.lock.notify_all()
        time.sleep(LOOK)


def fill_window(submission: Submission, asking: Asking, path: str, selector: str) -> str:
    """Enter the group's unfinished Jobs into the window; gives the version from which a watch goes on."""
    window = submission.books.window
    assert window is not None
    with submission.lock:
        window.begin_list()
    jobs: list[Any] = []
    version = ""
    for page in asking.pages(path, selector):
        version = page["metadata"]["resourceVersion"]
        jobs += [{"metadata": job["metadata"], "status": job.get("status")} for job in page["items"]]
    with submission.lock:
        window.listed(jobs)
        submission.lock.notify_all()
    return version


def follow_window(
    submission: Submission,
    transport: Transport,
    asking: Asking,
    path: str,
    selector: str,
    say: Callable[[str], None],
) -> None:
    """Keep the window up to date until the submission ends. For a thread of its own."""
    window = submission.books.window
    assert window is not None
    version = ""
    while not submission.is_stopped:
        try:
            version = version or fill_window(submission, asking, path, selector)
            query = f"?watch=1&allowWatchBookmarks=true&timeoutSeconds={STAY}&resourceVersion={version}"
            for line in transport.watch(f"{path}{query}&labelSelector={quote(selector)}"):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    version = ""
                    break
                version = event["object"]["metadata"]["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    with submission.lock:
                        window.changed(event["type"], event["object"])
                        submission.lock.notify_all()
                if submission.is_stopped:
                    return
        except Refused as refused:
            if refused.code != 410:
                say(f"the Jobs of the group cannot be followed: {refused}")
                submission.stop()
            version = ""
        except (Lost, ClusterError, ValueError, KeyError):
            version = ""  # what was missed meanwhile is in the next list
            time.sleep(LOOK)
