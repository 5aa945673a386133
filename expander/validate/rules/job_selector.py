"""The selector of a Job and the labels of its pods.

Unless ``manualSelector`` is set the server generates both when it creates the Job (pkg/registry/batch/job),
and then checks them like any other (pkg/apis/batch/validation). The uid of a Job that does not exist yet
is not known: a stand-in takes its place, so whatever the user wrote where the uid belongs is refused,
as by the server.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from expander.kube import selectors
from expander.validate.rules.checks import EMPTY, Findings, invalid, key, required
from expander.validate.rules.labels import check_label_selector

NAME_LABELS: Final = ("job-name", "batch.kubernetes.io/job-name")
UID_LABELS: Final = ("controller-uid", "batch.kubernetes.io/controller-uid")
UID_LABEL: Final = "batch.kubernetes.io/controller-uid"
NEW_UID: Final = "00000000-0000-0000-0000-000000000000"

_LABELS: Final = "spec.template.metadata.labels"
_GENERATED: Final = frozenset((*NAME_LABELS, *UID_LABELS))


class Selection(NamedTuple):
    """The selector of a Job and the labels of its pod template, as they are checked.

    ``name`` and ``uid`` are those of the Job; ``generated`` says that selector and labels are the server's.
    """

    selector: Mapping[str, Any] | None
    labels: Mapping[str, Any]
    name: str
    uid: str
    generated: bool

    @property
    def settled(self) -> bool:
        """Whether everything is as generated, so that nothing can be wrong with it."""
        return self.generated and self.selector is None and _GENERATED.isdisjoint(self.labels)


def select(spec: Mapping[str, Any], name: str, uid: str | None) -> Selection:
    """The selector and labels of the Job ``name``; ``uid`` is that of a Job that exists, or None."""
    labels = ((spec.get("template") or EMPTY).get("metadata") or EMPTY).get("labels") or EMPTY
    generated = not spec.get("manualSelector")
    return Selection(spec.get("selector"), labels, name, uid or NEW_UID, generated)


def generate(selection: Selection) -> Selection:
    """What the server makes of a new Job's selector and labels; what the user wrote stays."""
    labels = {
        **dict.fromkeys(NAME_LABELS, selection.name),
        **dict.fromkeys(UID_LABELS, selection.uid),
        **selection.labels,
    }
    selector = selection.selector or EMPTY
    wanted = {UID_LABEL: selection.uid, **(selector.get("matchLabels") or EMPTY)}
    return selection._replace(labels=labels, selector={**selector, "matchLabels": wanted})


def check_generated(selection: Selection) -> Findings:
    """Generated labels and selector say the Job's own name and uid, whoever wrote them."""
    if not selection.generated or selection.selector is None:
        return
    own = {
        UID_LABELS[0]: selection.uid,
        NAME_LABELS[0]: selection.name,
        UID_LABELS[1]: selection.uid,
        NAME_LABELS[1]: selection.name,
    }
    for label, value in own.items():
        if label not in selection.labels:
            yield required(key(_LABELS, label), f"must be '{value}'")
        elif selection.labels[label] != value:
            yield invalid(key(_LABELS, label), selection.labels, f"must be '{value}'")
    if not _matches(selection.selector, own):
        yield invalid("spec.selector", selection.selector, "`selector` not auto-generated")


def check_selector(selection: Selection) -> Findings:
    """There is a selector and it selects the Job's own pods."""
    if selection.selector is None:
        yield required("spec.selector")
    else:
        yield from check_label_selector(selection.selector, "spec.selector")
    if not _matches(selection.selector, selection.labels):
        detail = "`selector` does not match template `labels`"
        yield invalid(_LABELS, dict(sorted(selection.labels.items())) or None, detail)


def _matches(selector: Mapping[str, Any] | None, labels: Mapping[str, Any]) -> bool:
    """Whether ``selector`` selects ``labels``; a malformed one is another rule's finding."""
    try:
        wanted = selectors.from_object(selector)
    except ValueError:
        return True
    return wanted.matches({name: value or "" for name, value in labels.items()})
