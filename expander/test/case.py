"""Files of cases beside templates: where they are found, and what may be in them."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from expander.base.dataclass import dataclass
from expander.base.errors import InputError, Problem, SourceLocation, UsageError, suggest
from expander.base.text import cut
from expander.base.urls import without_credentials
from expander.base.waiting import waiting_opener
from expander.base.yaml.documents import Document, load_documents
from expander.batch.files import CASES
from expander.diff.field_changes import is_path
from expander.items.formats.yaml import item_value
from expander.items.item import Item

EXTENSIONS: Final = ("yaml", "yml", "json", "yaml.jinja2", "yaml.j2", "yml.j2", "jinja2", "j2", "jinja")
"""Those of templates, the one that is taken first when several have a name."""

MAX_VALUE_CHARS: Final = 80
"""Characters shown of a value that is wrong."""

RUN_TIMEOUT_SECONDS: Final = 600
"""How long the Jobs of a case may run where it does not say so."""

_TEXT, _LIST, _MAPPING = (str, "text"), (list, "a list"), (dict, "a mapping")
_FILE: Final = {"template": (_TEXT,), "cases": (_LIST,)}
_CASE: Final = {
    "name": (_TEXT,),
    "items": (_LIST, _TEXT),
    "options": (_MAPPING,),
    "count": ((int, "a number"),),
    "manifests": (_TEXT, _LIST),
    "fields": (_MAPPING,),
    "fieldsOf": (_MAPPING,),
    "refused": (_MAPPING,),
    "run": (_MAPPING,),
}
_RUN: Final = {
    "output": (_MAPPING,),
    "exitCodes": (_MAPPING,),
    "timeout": ((int, "seconds"),),
}

EXPECTATIONS: Final = ("count", "manifests", "fields", "fieldsOf", "refused", "run")

Fields = Mapping[str, Any]
"""Expected values by the paths of fields, as `field_changes` writes them."""


@dataclass(frozen=True, slots=True)
class RunExpectation:
    """What the Jobs of items print and exit with on this machine; items that are not named exit with 0."""

    output: Mapping[str, str]
    exit_codes: Mapping[str, int]
    timeout: int


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a file; an expectation that it does not have is None.

    Paths in it are relative to the folder of ``where.file``. ``items`` is a list of values or a source as
    ``-i`` takes it; ``options`` are those of ``expander expand`` by their long names. ``manifests`` are
    objects, or the path of the file with them; ``fields`` holds for every Job, ``fields_of`` for the objects
    of an item, or the object ``kind/name``. ``refused`` is what the refusals of items say.
    """

    name: str
    where: SourceLocation
    template: str
    items: list[Any] | str | None
    options: Mapping[str, Any]
    count: int | None
    manifests: list[Any] | str | None
    fields: Fields
    fields_of: Mapping[str, Fields]
    refused: Mapping[str, str]
    run: RunExpectation | None
    document: Document
    number: int

    @property
    def folder(self) -> str:
        """The folder of the file."""
        return os.path.dirname(self.where.file) or "."

    @property
    def numbered_items(self) -> Iterator[Item]:
        """The items that are a list in the file, with their places."""
        for index, value in enumerate(self.items or ()):
            place = self.document.position(("cases", self.number, "items", index))
            yield Item(value, index + 1, place.file, place.line)

    def problem(self, message: str, *path: str | int, hint: str | None = None) -> InputError:
        """An error about the field at ``path`` of the case."""
        return InputError(_problem(self.document, ("cases", self.number, *path), message, hint))


def files_of_cases(paths: Sequence[str]) -> list[str]:
    """The files of cases that ``paths`` mean: files, templates that have one beside them, and folders.

    Raises UsageError for a path that is not there, a template without cases, and when there are none at all.
    """
    found: dict[str, None] = {}
    for path in paths:
        files = [*_below(path)] if os.path.isdir(path) else [_beside(path)]
        if not files:
            raise UsageError(f"no cases in {path}: no file is named *{CASES}")
        found.update(dict.fromkeys(files))
    return [*found]


def _below(folder: str) -> Iterator[str]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for name in sorted(names):
            if name.endswith(CASES):
                yield os.path.normpath(os.path.join(place, name))


def _beside(path: str) -> str:
    if not os.path.exists(path):
        raise UsageError(f"no such file or folder: {without_credentials(path)!r}")
    if path.endswith(CASES):
        return path
    for extension in sorted(EXTENSIONS, key=len, reverse=True):
        if path.endswith(f".{extension}"):
            path = path.removesuffix(f".{extension}")
            break
    if not os.path.exists(path + CASES):
        raise UsageError(
            f"the template has no cases: there is no {path + CASES}",
            hint="cases in another place: expander test FILE",
        )
    return path + CASES


def read_cases(path: str, options: Collection[str]) -> list[Case]:
    """The cases in a file; ``options`` are the names that they may set.

    Raises InputError with all that is wrong with the file, by line and field.
    """
    try:
        with open(path, "rb", opener=waiting_opener) as file:
            documents = [*load_documents(file.read(), path)]
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=SourceLocation(path)) from error
    if len(documents) != 1:
        raise InputError(f"found {len(documents)} documents, expected one", where=SourceLocation(path))
    reader = _Reader(documents[0], options)
    cases = reader.cases()
    if reader.problems:
        raise InputError(reader.problems)
    return cases


def _problem(
    document: Document, path: tuple[str | int, ...], message: str, hint: str | None = None
) -> Problem:
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return Problem(message, document.position(path), field=field.removeprefix(".") or None, hint=hint)


class _Reader:
    """Collects what is wrong with a file."""

    def __init__(self, document: Document, options: Collection[str]) -> None:
        self.problems: list[Problem] = []
        self._document = document
        self._options = options

    def cases(self) -> list[Case]:
        tree = self._document.data
        if not self._check(tree, _FILE):
            return []
        template = tree.get("template") or self._template()
        given = tree.get("cases") or []
        if not given:
            self._refuse("no cases", "cases")
        cases = [self._case(each, number, template) for number, each in enumerate(given)]
        names, goldens = dict[str, int](), dict[str, int]()
        for case in filter(None, cases):
            if (first := names.setdefault(case.name, case.number)) != case.number:
                self._refuse(f"{case.name!r} is also cases[{first}]", "cases", case.number, "name")
            if isinstance(case.manifests, str):
                self._check_golden(case, case.manifests, goldens)
        return [each for each in cases if each is not None]

    def _template(self) -> str:
        """The template beside the file, relative to its folder."""
        folder, name = os.path.split(self._document.source)
        stem = name.removesuffix(CASES)
        for extension in EXTENSIONS:
            if os.path.isfile(os.path.join(folder, f"{stem}.{extension}")):
                return f"{stem}.{extension}"
        self._refuse(f"no template beside it: there is no {stem}.yaml", hint="or name it: template: FILE")
        return ""

    def _case(self, given: Any, number: int, template: str) -> Case | None:
        at = ("cases", number)
        if not self._check(given, _CASE, *at):
            return None
        if not given.get("name"):
            self._refuse("required: what the case is called", *at, "name")
        if not any(name in given for name in EXPECTATIONS):
            self._refuse(f"expects nothing; expected one of {', '.join(EXPECTATIONS)}", *at)
        for name in given.get("options") or {}:
            if name not in self._options:
                self._refuse(f"unknown option{_meant(name, self._options)}", *at, "options", name)
        refused = self._values(given, "refused", str, "text in the message", *at)
        for item, fields in self._values(given, "fieldsOf", dict, "a mapping", *at).items():
            self._check_paths(fields, *at, "fieldsOf", item)
        self._check_paths(given.get("fields") or {}, *at, "fields")
        return Case(
            name=given.get("name") or "",
            where=self._document.position(at)._replace(column=0),
            template=template,
            items=self._items(given.get("items"), *at, "items"),
            options=given.get("options") or {},
            count=given.get("count"),
            manifests=given.get("manifests"),
            fields=given.get("fields") or {},
            fields_of=given.get("fieldsOf") or {},
            refused=refused,
            run=self._run(given["run"], *at, "run") if "run" in given else None,
            document=self._document,
            number=number,
        )

    def _run(self, given: Any, *at: str | int) -> RunExpectation | None:
        if not self._check(given, _RUN, *at):
            return None
        output = self._values(given, "output", str, "text", *at)
        codes = self._values(given, "exitCodes", int, "a number", *at)
        timeout = given.get("timeout", RUN_TIMEOUT_SECONDS)
        if timeout < 1:
            self._refuse(f"found {timeout}, expected 1 or more", *at, "timeout")
        return RunExpectation(output, codes, timeout)

    def _check_golden(self, case: Case, path: str, goldens: dict[str, int]) -> None:
        """Refuse a file of manifests that --update must not write."""
        at = ("cases", case.number, "manifests")
        if not path or "\0" in path:
            self._refuse(f"found {path!r}, expected the path of a file", *at)
            return
        folder = os.path.realpath(os.path.dirname(self._document.source) or ".")
        file = os.path.realpath(os.path.join(folder, path))
        if (first := goldens.setdefault(file, case.number)) != case.number:
            self._refuse(f"{path} is that of cases[{first}] too", *at)
        if os.path.commonpath([folder, file]) != folder:
            self._refuse(f"{path} is outside the folder of the cases", *at)
        if file == os.path.realpath(os.path.join(folder, case.template)):
            self._refuse(f"{path} is the template", *at)

    def _check_paths(self, fields: Mapping[str, Any], *at: str | int) -> None:
        for path in fields:
            if not is_path(path):
                self._refuse("expected a path such as spec.template.spec.containers[main].image", *at, path)

    def _items(self, given: list[Any] | str | None, *at: str | int) -> list[Any] | str | None:
        """Items that are a list as a file of items has them: a value that YAML would change is refused."""
        if not isinstance(given, list):
            return given
        found = []
        for index in range(len(given)):
            try:
                found.append(item_value(self._document.node((*at, index)), ""))
            except InputError as error:
                for each in error.problems:
                    self._refuse(each.message, *at, index, *filter(None, [each.field]), hint=each.hint)
        return found

    def _values(self, given: Any, name: str, kind: type, words: str, *at: str | int) -> Mapping[str, Any]:
        """The field ``name``, a mapping whose values are of a ``kind``."""
        values = given.get(name) or {}
        for key, value in values.items() if isinstance(values, dict) else ():
            if type(value) is not kind:
                self._refuse(f"found {_found(value)}, expected {words}", *at, name, key)
        return {key: each for key, each in values.items() if type(each) is kind}

    def _check(self, given: Any, known: Mapping[str, tuple[tuple[type, str], ...]], *at: str | int) -> bool:
        """Whether ``given`` is a mapping with ``known`` fields, each of one of its kinds."""
        before = len(self.problems)
        if not isinstance(given, dict):
            self._refuse(f"expected a mapping with {', '.join(known)}", *at)
            return False
        for name, value in given.items():
            if name not in known:
                self._refuse(f"unknown field{_meant(name, known)}", *at, name)
            elif type(value) not in [kind for kind, _ in known[name]]:
                words = " or ".join(words for _, words in known[name])
                self._refuse(f"found {_found(value)}, expected {words}", *at, name)
        return len(self.problems) == before

    def _refuse(self, message: str, *path: str | int, hint: str | None = None) -> None:
        self.problems.append(_problem(self._document, path, message, hint))


def _found(value: Any) -> str:
    return cut(
        repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False), MAX_VALUE_CHARS
    )


def _meant(name: str, known: Collection[str]) -> str:
    close = suggest(name, known)
    return f', did you mean "{close}"?' if close else f"; expected one of {', '.join(known)}"
