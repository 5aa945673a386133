"""What a batch is made of and what is done to each of its manifests: filled by commands and Python alike."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal, TypedDict, cast

from expander.base.dataclass import dataclass
from expander.base.errors import ItemError, UsageError
from expander.base.late_module import late_module
from expander.base.option_names import if_typed, option
from expander.batch.expand import Expansion, ShapedExpansion
from expander.batch.load import from_objects, from_paths, group_of_paths, is_template, only_paths
from expander.items.item import Item
from expander.kube.versions import Release, known
from expander.manifests.edits import GROUP_LABEL, Edits
from expander.manifests.manifest import Manifest
from expander.manifests.names import LABEL_VALUE
from expander.render.template_file import Engine, TemplateFile
from expander.shapes.shape import JOBS, Shape, parse_shape

if TYPE_CHECKING:
    from expander.batch import crds as crd_files
    from expander.batch import policies as policy_files
    from expander.batch.validator import Validator
    from expander.render import compile as compiling
    from expander.shapes import work_queue
    from expander.validate.policies import policy_set
else:  # for what annotations name
    crd_files = late_module("expander.batch.crds")
    policy_files = late_module("expander.batch.policies")
    compiling = late_module("expander.render.compile")
    work_queue = late_module("expander.shapes.work_queue")
    policy_set = late_module("expander.validate.policies.policy_set")

Path = str | os.PathLike[str]

Batch = Path | TemplateFile | Sequence[Path] | Iterable[Manifest | Mapping[str, Any]]
"""A template, paths of manifests (files, folders, ``-`` for standard input), or manifests and objects."""

Items = Iterable[Any] | os.PathLike[str]
"""The items of a template: values, mappings of named columns, records, `Item`, a data frame, or the path of a
file of items."""


class BatchOptions(TypedDict, total=False):
    """The fields of `BatchRequest` that calls from Python take by keyword."""

    engine: Engine | None
    values: Mapping[str, Any] | None
    overrides: Mapping[str, Any] | None
    group: str | None
    group_label: str
    labels: Mapping[str, str] | None
    annotations: Mapping[str, str] | None
    overwrite: bool
    ttl: int | None
    namespace: str | None
    allow_shell: bool
    shell: compiling.Shell
    envsubst: bool
    validate: bool
    version: str | None
    crds: crd_files.Sources | None
    policies: policy_files.Sources | None
    shape: Shape | str | None
    selector: str | None
    key: str | Sequence[str] | None
    items_schema: Path | None
    on_queue: Callable[[work_queue.QueueBatch], None] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRequest:
    """One batch. The fields are the options of ``expander expand``, in its words.

    ``batch`` is a template when there are ``items``, when it is a `TemplateFile`, and when its name or text
    says so; ``engine`` reads it (by default what the file's name says), with ``values`` and ``overrides``
    (``--values`` and ``--set``). ``group`` is the value of the label ``group_label`` on each object and its
    pods, ``labels`` and ``annotations`` are added to both, and ``overwrite`` lets them replace what the
    template has. ``ttl`` is ttlSecondsAfterFinished in seconds. ``shell`` says what becomes of values in
    scripts: "check" refuses those that are not proven to be data, "env" passes them by variables, "allow" (or
    ``allow_shell``) lets all through. ``envsubst`` fills ``$NAME`` and ``${NAME}`` of values and overrides
    too. With ``validate`` a manifest is refused that an API server of
    ``version`` (such as "1.33", the newest by default) would refuse; ``crds`` are the
    CustomResourceDefinitions of custom resources (see `load_crds`), and ``policies`` are the admission
    policies, Namespaces, LimitRanges and ResourceQuotas of its cluster (see `load_policies`). ``shape`` is a
    value of ``--as``; ``on_queue`` gets the messages of a work queue before its workers come. ``selector``
    leaves out what does not have these labels. ``key`` is the column, or columns, that name items in views,
    logs and folders, by default the first one that is unique in the batch.
    ``items_schema`` is the file with the JSON Schema of the items, by default the one that the template
    names.
    In calls ``items`` are what those take, read when they begin; its own methods take a stream of `Item`.
    """

    batch: Batch
    items: Iterable[Any] | None = None
    engine: Engine | None = None
    values: Mapping[str, Any] | None = None
    overrides: Mapping[str, Any] | None = None
    group: str | None = None
    group_label: str = GROUP_LABEL
    labels: Mapping[str, str] | None = None
    annotations: Mapping[str, str] | None = None
    overwrite: bool = False
    ttl: int | None = None
    namespace: str | None = None
    allow_shell: bool = False
    shell: compiling.Shell = "check"
    envsubst: bool = False
    validate: bool = True
    version: str | None = None
    crds: crd_files.Sources | None = None
    policies: policy_files.Sources | None = None
    shape: Shape | str | None = None
    selector: str | None = None
    key: str | Sequence[str] | None = None
    items_schema: Path | None = None
    on_queue: Callable[[work_queue.QueueBatch], None] | None = None

    def manifests(
        self,
        on_error: Callable[[ItemError], None],
        on_warning: Callable[[str], None] | None = None,
        on_advice: Callable[[str], None] | None = None,
        *,
        started_here: bool = False,
    ) -> Iterator[Manifest]:
        """The manifests, validated, as they are asked for; what cannot become one goes to ``on_error``.

        ``on_warning`` gets rules that cannot be evaluated here, and in the end what a user should know about
        the batch as a whole. ``on_advice`` gets what an API server says of manifests that it takes, once per
        template; without it ``on_warning`` gets what policies warn of. Of what is to be ``started_here`` that
        is refused which this machine cannot start. Raises UsageError for options that do not fit together,
        InputError for a template or manifests that cannot be used.
        """
        validator = self._validator(on_advice, on_warning, started_here=started_here)
        made = self.selected(self._manifests(on_error, on_warning, validator))
        return made if validator is None or on_warning is None else chain(made, _told(validator, on_warning))

    def loaded_policies(self) -> policy_set.Policies | None:
        """The policies, read; None without any. Raises InputError for those that cannot be used."""
        if not self.policies:
            return None
        from expander.batch.crds import definitions_of
        from expander.batch.policies import policies_of

        return policies_of(self.policies, definitions_of(self.crds) if self.crds else None)

    def selected(self, manifests: Iterator[Manifest]) -> Iterator[Manifest]:
        """Those of ``manifests`` that have the labels of ``selector``. Raises UsageError when it is none."""
        if not self.selector:
            return manifests
        from expander.kube import selectors

        try:
            wanted = selectors.parse(self.selector)
        except ValueError as error:
            raise UsageError(f"selector {self.selector!r}: {error}") from None
        return (each for each in manifests if wanted.matches(each.tree["metadata"].get("labels")))

    def expansion(
        self, on_error: Callable[[ItemError], None], output: Literal["json", "yaml"] = "json"
    ) -> Expansion:
        """The expansion of the template that ``batch`` is, validated, made to be written as ``output``.

        Raises InputError with all that is wrong with the template, UsageError as `manifests` does.
        """
        return self._expansion(on_error, output, self._validator())

    def _expansion(
        self,
        on_error: Callable[[ItemError], None],
        output: Literal["json", "yaml"],
        validator: Validator | None,
    ) -> Expansion:
        from expander.items.block import ItemBlocks
        from expander.items.keys import KeyChoice
        from expander.items.load import PickedItems
        from expander.items.source import usable
        from expander.render.compile import Rules

        file = self.batch if isinstance(self.batch, TemplateFile) else TemplateFile(cast(Path, self.batch))
        if self.items is None and (self.engine or file.engine) != "jinja2":
            raise UsageError(
                "no items",
                hint=f"give them after the template{if_typed(', or with -i (- reads standard input)')}; "
                "a Jinja2 template (*.jinja2, *.j2) may bring its own parameters",
            )
        if self.envsubst and (self.engine or file.engine) == "jinja2":
            raise UsageError(
                f"{option('--envsubst')} cannot be used with Jinja2 templates; write {{{{ NAME }}}}"
            )
        if self.shell == "env" and (self.engine or file.engine) != "item":
            raise UsageError(
                f"{option('--shell env')} requires a $ITEM template",
                hint="in other templates give the container a variable (env:) and use it in the script",
            )
        if self.key and self.items is None:
            raise UsageError(f"{option('--key')} is for items with columns, and there are no items")
        key = KeyChoice((self.key,) if isinstance(self.key, str) else self.key or ())
        schema = file.items_schema if self.items_schema is None else self.items_schema
        items: Iterable[Item] | None = None
        stream: Any = self.items
        if isinstance(stream, ItemBlocks) and not self.key and schema is None:
            items = stream  # plain values: usable, and their own keys
        elif stream is not None:
            whole = stream.ahead if isinstance(stream, PickedItems) else None
            given = stream if schema is None else _checked(stream, schema)
            items = key.read(usable(given, lambda error: made.refuse(error)), whole)
        shell = "allow" if self.allow_shell else self.shell
        rules = Rules(self.edits(), shell, self.envsubst, key)
        if self.crds:
            from expander.batch.crds import definitions_of, field_types

            rules = replace(rules, types=field_types(definitions_of(self.crds)))
        compiled = file.compile(rules, self.engine, self.values, self.overrides)
        shape = self.parsed_shape
        if shape.kind == JOBS.kind:
            made = Expansion(compiled, items, output, on_error, validator, notes=key.notes)
        else:
            made = ShapedExpansion(
                compiled, items, on_error, validator, shape, self.on_queue, notes=key.notes
            )
        return made

    def edits(self, default_group: str | None = None) -> Edits:
        """The changes to every manifest. Raises UsageError for a group that is not a label value."""
        if self.group is not None and not (self.group and LABEL_VALUE.accepts(self.group)):
            raise UsageError(
                f"the group {self.group!r} is not a label value: at most 63 letters, digits, '-', '_' or "
                "'.', beginning and ending with a letter or digit"
            )
        return Edits(
            group=self.group,
            default_group=default_group,
            group_label=self.group_label,
            labels=self.labels or {},
            annotations=self.annotations or {},
            overwrite=self.overwrite,
            ttl=self.ttl,
            namespace=self.namespace,
        )

    @property
    def parsed_shape(self) -> Shape:
        """The shape that is asked for. Raises UsageError when there is none of that name."""
        return parse_shape(self.shape) if isinstance(self.shape, str) else self.shape or JOBS

    def _manifests(
        self,
        on_error: Callable[[ItemError], None],
        on_warning: Callable[[str], None] | None,
        validator: Validator | None,
    ) -> Iterator[Manifest]:
        paths = _paths_in(self.batch)
        if isinstance(self.batch, TemplateFile) or (paths is not None and self._is_template(paths)):
            return self._expansion(on_error, "json", validator).each(on_warning)
        if self.items is not None:
            raise UsageError("items require a template: manifests and objects take none")
        if paths is not None:
            only_paths(paths)
        if self.parsed_shape.kind != JOBS.kind:
            raise UsageError(
                f"{option(f'--as {self.parsed_shape}')} requires a template and items, not manifests"
            )
        if paths is not None:
            return from_paths(paths, self.edits(group_of_paths(paths)), on_error, validator)
        objects = cast("Iterable[Manifest | Mapping[str, Any]]", self.batch)
        return from_objects(objects, self.edits("batch"), on_error, validator)

    def _is_template(self, paths: Sequence[str]) -> bool:
        return len(paths) == 1 and is_template(paths, has_items=self.items is not None)

    @property
    def release(self) -> Release:
        """The Kubernetes version to validate for. Raises UsageError when it is not known."""
        return known(self.version)

    def _validator(
        self,
        on_advice: Callable[[str], None] | None = None,
        on_warning: Callable[[str], None] | None = None,
        *,
        started_here: bool = False,
    ) -> Validator | None:
        if not self.validate:
            if self.policies:
                raise UsageError(
                    f"{option('--policies')} requires validation and cannot be used with "
                    f"{option('--no-validate')}"
                )
            return None
        from expander.batch.validator import Validator

        return Validator(
            self.version,
            self.crds,
            on_advice,
            self.policies,
            self.namespace,
            on_warning,
            started_here=started_here,
        )


def _checked(items: Iterable[Item], schema: Path) -> Iterator[Item]:
    from expander.items.items_schema import ItemsSchema

    return ItemsSchema.load(schema).checked(items)


def _told(validator: Validator, on_warning: Callable[[str], None]) -> Iterator[Manifest]:
    """No manifest; ``on_warning`` gets what the validator says of the whole batch."""
    for words in validator.batch_warnings():
        on_warning(words)
    yield from ()


def _paths_in(batch: Batch) -> list[str] | None:
    """The paths that ``batch`` is; None when it is something else."""
    given: object = [batch] if isinstance(batch, (str, os.PathLike)) else batch
    if (
        given
        and isinstance(given, (list, tuple))
        and all(isinstance(each, (str, os.PathLike)) for each in given)
    ):
        return [os.fspath(each) for each in given]
    return None
