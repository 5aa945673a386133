"""Valid names from any text: unchanged when valid, else a slug with a short hash of the raw text.

The rules are those of apimachinery (pkg/util/validation) and pkg/apis/core/validation: object names and
references to objects are DNS-1123 subdomains, container and volume names DNS-1123 labels, label values a
looser set. The length of a name is bound by what is derived from it: the Job controller writes a Job's name
into a label of its pods (63 characters), the CronJob controller appends eleven characters to its own.
References to objects that a batch brings along (ConfigMap, Secret, claim) follow the rule of the object's own
name, so that both ends change alike. A namespace or a service account is never renamed: it names something
that exists already.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from expander.base.dataclass import dataclass
from expander.base.digests import blake2s
from expander.base.regex import regex
from expander.kube.scheme import BY_KIND, load, of_object
from expander.kube.volcano import is_volcano

HASH_LENGTH = 8

_LABEL = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_NOT_NAME = regex(r"[^a-z0-9]+")
_NOT_LABEL_VALUE = regex(r"[^-A-Za-z0-9_.]+")

_WITHOUT_ACCENT: Final = str.maketrans(
    {
        **dict(zip("ßẞÆæŒœÞþ", "ss SS AE ae OE oe Th th".split(), strict=True)),
        **dict(zip("ØøŁłĐđÐðĦħŦŧı", "OoLlDdDdHhTti", strict=True)),
    }
)
"""Latin letters that Unicode does not take apart, as they are written without them."""


@dataclass(frozen=True, slots=True)
class NameRule:
    """What a name may look like: a pattern for the whole text and a length in characters.

    ``words`` says it to a person; ``lower`` is whether a slug is lower-cased; ``empty`` whether the
    empty text is allowed; ``folds`` whether a value in capitals may become the one in lowercase.
    """

    words: str
    pattern: re.Pattern[str]
    limit: int
    lower: bool = True
    empty: bool = False
    folds: bool = False

    def accepts(self, text: str) -> bool:
        """Whether ``text`` is valid as it stands."""
        if not text:
            return self.empty
        return len(text) <= self.limit and self.pattern.fullmatch(text) is not None

    def shortened(self, limit: int) -> NameRule:
        """The same rule with at most ``limit`` characters."""
        return NameRule(self.words, self.pattern, min(limit, self.limit), self.lower, self.empty, self.folds)


SUBDOMAIN = NameRule("a DNS-1123 subdomain", regex(rf"{_LABEL}(?:\.{_LABEL})*"), 253, folds=True)
DNS_LABEL = NameRule("a DNS-1123 label", regex(_LABEL), 63, folds=True)
FILE_NAME = NameRule(
    "a file name of lowercase letters, digits, '-', '_' and '.'",
    regex(r"[a-z0-9_](?:[-a-z0-9._]*[a-z0-9_])?"),
    200,
)
LABEL_VALUE = NameRule(
    "a label value",
    regex(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?"),
    63,
    lower=False,
    empty=True,
)
QUEUE_NAME = NameRule("a valid queue name", LABEL_VALUE.pattern, LABEL_VALUE.limit, lower=False)
"""Of a LocalQueue of Kueue, which is the value of a label."""


def slug(text: str, rule: NameRule = DNS_LABEL) -> str:
    """The readable part of a name made from ``text``: may be empty, never has a hash."""
    letters = unicodedata.normalize("NFKD", text).translate(_WITHOUT_ACCENT)
    plain = letters.encode("ascii", "ignore").decode()
    if rule.lower:
        return _NOT_NAME.sub("-", plain.lower()).strip("-")
    return _NOT_LABEL_VALUE.sub("-", plain).strip("-_.")


def digest(text: str) -> str:
    """Eight hexadecimal digits that stay the same for the same text, on any machine."""
    return blake2s(text.encode("utf-8", "surrogatepass"), digest_size=HASH_LENGTH // 2).hexdigest()


def joined_name(
    prefix: str, values: list[str], between: list[str], suffix: str, rule: NameRule
) -> str | None:
    """A valid name from constant text and values, or None when the constant text itself is invalid.

    The name reads ``prefix values[0] between[0] values[1] ... suffix``. When the raw text is valid
    it is the name, also with values in capitals lower-cased: ``HG001`` is ``hg001``, and ``Hg001`` is not.
    Otherwise each value becomes its slug, and a hash of all raw values is put behind
    the last one, so that different values never share a name by being cleaned alike; slugs are cut
    from the longest on when the name would be too long.
    """
    raw = prefix + _weave(values, between) + suffix
    if rule.accepts(raw):
        return raw
    if rule.folds:
        lower = [value.lower() if value == value.upper() else value for value in values]
        if lower != values and rule.accepts(name := prefix + _weave(lower, between) + suffix):
            return name
    mark = digest("\0".join(values))
    slugs = [slug(value, rule) for value in values]
    fixed = len(prefix) + sum(map(len, between)) + len(suffix) + HASH_LENGTH + 1
    room = rule.limit - fixed
    while sum(map(len, slugs)) > max(room, 0):
        longest = max(range(len(slugs)), key=lambda number: len(slugs[number]))
        excess = sum(map(len, slugs)) - max(room, 0)
        second = sorted(map(len, slugs))[-2] if len(slugs) > 1 else 0
        keep = max(len(slugs[longest]) - excess, min(second, len(slugs[longest]) - 1), 0)
        slugs[longest] = slugs[longest][:keep].strip("-_.")
    slugs[-1] = f"{slugs[-1]}-{mark}" if slugs[-1] else mark
    name = prefix + _weave(slugs, between) + suffix
    return name if rule.accepts(name) else None


def valid_name(text: str, rule: NameRule) -> str:
    """A valid name made from ``text`` alone."""
    name = joined_name("", [text], [], "", rule)
    assert name is not None  # without constant text a slug and a hash are always valid
    return name


def _weave(values: list[str], between: list[str]) -> str:
    text = values[0]
    for constant, value in zip(between, values[1:], strict=True):
        text += constant + value
    return text


Path = tuple[str | int, ...]

_LABEL_NAMES = frozenset(
    ("containers", "initContainers", "ephemeralContainers", "volumes", "volumeMounts", "volumeDevices")
)
_REFERENCES = frozenset(
    (
        "configMapKeyRef",
        "secretKeyRef",
        "configMapRef",
        "secretRef",
        "configMap",
        "secret",
    )
)
_REFERENCE_FIELDS = frozenset(("secretName", "claimName"))
_MAX_COMPLETIONS = 100_000
_MAX_REPLICAS = 10_000
_MAX_ENDING_CHARS = 43  # a task whose name is longer leaves too little for any other
_CRONJOB_SUFFIX = 11  # the CronJob controller names its Jobs NAME-MINUTES


def name_rule(tree: Mapping[str, Any], path: Path) -> NameRule | None:
    """The rule for the text at ``path`` of the object ``tree``, or None when it is no name."""
    if len(path) < 2:
        return None
    last, before = path[-1], path[-2]
    if before == "labels" or before == "matchLabels":
        return LABEL_VALUE
    if path == ("metadata", "name") or path == ("metadata", "generateName"):
        return _object_name(tree)
    if before == "metadata" and last == "name":
        return SUBDOMAIN
    if last in ("hostname", "subdomain") and "spec" in path:
        return DNS_LABEL
    if last == "name" and isinstance(before, int) and len(path) >= 3:
        if path[:2] == ("spec", "tasks") and len(path) == 4 and is_volcano(tree):
            return DNS_LABEL
        if path[-3] in _LABEL_NAMES:
            return DNS_LABEL
        if path[-3] in _REFERENCES:
            return SUBDOMAIN
    if (last == "name" and before in _REFERENCES) or last in _REFERENCE_FIELDS:
        return SUBDOMAIN
    return None


def _object_name(tree: Mapping[str, Any]) -> NameRule:
    """The rule of the kind; of a kind in another version, or that says no version, that of its name."""
    row = of_object(tree) or BY_KIND.get(tree.get("kind") or "")
    rule: NameRule = SUBDOMAIN if row is None else load(row.name_rule)(tree)
    return rule


def subdomain_name(tree: Mapping[str, Any]) -> NameRule:
    """Of an object whose name is bound by nothing else."""
    return SUBDOMAIN


def label_name(tree: Mapping[str, Any]) -> NameRule:
    """Of a Service or a namespace: its name is part of the names of hosts."""
    return DNS_LABEL


def job_name(tree: Mapping[str, Any]) -> NameRule:
    """Of a Job: its name is a label of its pods, and part of their host names when it is Indexed."""
    return SUBDOMAIN.shortened(63 - _index_room(tree.get("spec")))


def cron_job_name(tree: Mapping[str, Any]) -> NameRule:
    """Of a CronJob: its Jobs are named after it."""
    return SUBDOMAIN.shortened(63 - _CRONJOB_SUFFIX)


def jobset_name(tree: Mapping[str, Any]) -> NameRule:
    """Of a JobSet: its pods are named after it."""
    return DNS_LABEL.shortened(63 - _replica_room(tree.get("spec")))


def volcano_job_name(tree: Mapping[str, Any]) -> NameRule:
    """Of a Volcano Job: its pods are named after it and their tasks."""
    return DNS_LABEL.shortened(63 - _task_room(tree.get("spec")))


def _task_room(spec: Any) -> int:
    """Characters a Volcano Job needs behind its name in the names of its pods (NAME-TASK-INDEX), which are
    names of hosts too."""
    rooms = [0]
    for number, task in enumerate(_parts(spec, "tasks")):
        name = task.get("name") or f"default{number}"
        rooms.append(len(f"-{name}-{max(_last(task), number)}"))
    return min(max(rooms), _MAX_ENDING_CHARS)


def _replica_room(spec: Any) -> int:
    """The same for a JobSet: pods of its Jobs are named NAME-JOB-NUMBER-INDEX and five random characters."""
    rooms = [len(f"-{part.get('name')}-{_last(part)}-00000-xxxxx") for part in _parts(spec, "replicatedJobs")]
    return min(max(rooms, default=0), _MAX_ENDING_CHARS)


def _parts(spec: Any, field: str) -> list[Mapping[str, Any]]:
    found = spec.get(field) if isinstance(spec, Mapping) else None
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def _last(part: Mapping[str, Any]) -> int:
    """The number of the last replica; where an item decides it, of a great many."""
    replicas = part.get("replicas") or 1
    return replicas - 1 if isinstance(replicas, int) else _MAX_REPLICAS - 1


def _index_room(spec: Any) -> int:
    """Characters an Indexed Job needs behind its name in the hostnames of its pods (NAME-INDEX)."""
    if not isinstance(spec, Mapping) or spec.get("completionMode") != "Indexed":
        return 0
    completions = spec.get("completions")
    if isinstance(completions, int) and 0 < completions <= _MAX_COMPLETIONS:
        return len(f"-{completions - 1}")
    return len(f"-{_MAX_COMPLETIONS - 1}")  # an item decides it, or it is wrong


_NOT_IN_NAMES: Final = r'/\\<>:"|?*'
_PLAIN_NAME: Final = regex(rf"[^-.~\s{_NOT_IN_NAMES}](?:[^{_NOT_IN_NAMES}]*[^\s.{_NOT_IN_NAMES}])?")
"""What every file system takes, and no program for an option, a hidden file or a home."""

MAX_NAME_BYTES: Final = 200


def file_name(text: str) -> str:
    """``text`` as one part of a path: unchanged if every file system takes it, else cleaned, with a hash.

    Names of objects and containers come from a server and are not trusted: none leads out of a folder.
    """
    if text.isprintable() and _PLAIN_NAME.fullmatch(text) and len(os.fsencode(text)) <= MAX_NAME_BYTES:
        return text
    cleaned = slug(text, LABEL_VALUE)[: MAX_NAME_BYTES - HASH_LENGTH - 1]
    return f"{cleaned}-{digest(text)}" if cleaned else digest(text)
