"""What a group comes from: files of one name in two folders are two batches, unless they are copies.

A file beside the state or the journal of a group keeps the template that the group is named after, else the
folder of the last run; and, behind it, a digest of the first manifest, which tells template and item.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from expander.base.digests import blake2b
from expander.base.errors import UsageError
from expander.base.option_names import option
from expander.base.state_dir import replace_file
from expander.batch.load import group_of_paths
from expander.manifests.manifest import Manifest

ORIGIN_FILE = "origin"
"""The file in the state of a group of local runs."""

_DIGEST = "\nfirst manifest: "
"""Between the two parts of the file."""


class GroupOrigin:
    """Where the batch with the manifest ``first`` comes from, for ``group``, whose origin ``path`` keeps.

    ``note`` tells of another origin of the earlier runs, None if there is none. Raises UsageError when they
    are of another file that is there and did not make the same first manifest, unless somebody has ``chosen``
    the name of the group.
    """

    def __init__(self, first: Manifest, group: str, path: Path, *, chosen: bool) -> None:
        self._path = path
        file = os.path.realpath(first.where.file)
        named = os.path.isfile(file) and group_of_paths([file]) == group
        self._origin = file if named else os.getcwd()
        self._digest = blake2b(first.json().encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
        earlier, _, digest = self._kept().partition(_DIGEST)
        is_other = earlier != self._origin and digest != self._digest
        if earlier and named and not chosen and is_other and os.path.isfile(earlier):
            other = (
                f"other options or items make other Jobs of {file}, its copy"
                if _is_copy(file, earlier)
                else f"{file} makes other Jobs"
            )
            raise UsageError(
                f"group {group} belongs to {earlier}: {other}",
                hint=f"{option('--group NAME')} makes a group of its own; "
                f"{option(f'--group {group}', group)} goes on with that one",
            )
        self.group = group
        self.note = f"last run from {earlier}" if earlier and earlier != self._origin else None

    @property
    def title(self) -> str:
        """The group, and what there is to tell of it."""
        return f"group {self.group} ({self.note})" if self.note else f"group {self.group}"

    def keep(self) -> None:
        """Remember it for the next run; where that cannot be written nothing is remembered."""
        with suppress(OSError):
            text = f"{self._origin}{_DIGEST}{self._digest}"
            replace_file(self._path, text.encode(errors="surrogateescape"))

    def _kept(self) -> str:
        try:
            return self._path.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return ""


def _is_copy(file: str, earlier: str) -> bool:
    from filecmp import cmp  # for an error

    try:
        return cmp(file, earlier, shallow=False)
    except OSError:
        return False
