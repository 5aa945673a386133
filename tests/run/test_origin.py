"""Two folders with a template of one name: two batches, unless they are copies; one is told of the other."""

from pathlib import Path

import pytest

import expander
from expander.base.errors import SourceLocation, UsageError
from expander.manifests.manifest import Manifest
from expander.run.origin import ORIGIN_FILE, GroupOrigin

TEMPLATE = """\
apiVersion: batch/v1
kind: Job
metadata: {name: j-$ITEM}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i, command: [echo, "$ITEM"]}]}}}
"""


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Two folders with a template of one name."""
    found = [tmp_path / name for name in ("one", "two")]
    for folder in found:
        folder.mkdir()
        (folder / "train.yaml").write_text(TEMPLATE)
    return found


def origin(
    file: Path | str, state: Path, group: str = "train", *, chosen: bool = False, item: str | None = None
) -> GroupOrigin:
    first = Manifest({"item": item or str(file)}, SourceLocation(str(file)))
    return GroupOrigin(first, group, state / ORIGIN_FILE, chosen=chosen)


def test_a_template_of_the_same_name_elsewhere_does_not_take_up_the_group(
    folders: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folders[0])
    origin("train.yaml", tmp_path).keep()
    Path("train.yaml").write_text(f"{TEMPLATE}# another\n")
    monkeypatch.chdir(tmp_path)
    assert origin("one/train.yaml", tmp_path).note is None
    with pytest.raises(UsageError, match=f"group train belongs to {folders[0]}/train.yaml: ") as told:
        origin("two/train.yaml", tmp_path)
    assert f"{folders[1]}/train.yaml makes other Jobs\n" in str(told.value)
    assert origin("two/train.yaml", tmp_path, chosen=True).note == f"last run from {folders[0]}/train.yaml"
    assert origin("two/train.yaml", tmp_path / "other").note is None


def test_a_copy_that_makes_the_same_jobs_takes_up_the_group_and_that_is_told(
    folders: list[Path], tmp_path: Path
) -> None:
    one, two = (folder / "train.yaml" for folder in folders)
    origin(one, tmp_path, item="a").keep()
    assert origin(two, tmp_path, item="a").note == f"last run from {one}"
    with pytest.raises(UsageError, match=f"other options or items make other Jobs of {two}, its copy"):
        origin(two, tmp_path, item="b")


def test_what_an_earlier_version_kept_is_the_file_alone(folders: list[Path], tmp_path: Path) -> None:
    one, two = (folder / "train.yaml" for folder in folders)
    (tmp_path / ORIGIN_FILE).write_text(str(one))
    assert origin(one, tmp_path, item="a").note is None
    with pytest.raises(UsageError, match=f"group train belongs to {one}: "):
        origin(two, tmp_path, item="a")


def test_a_template_that_was_moved_takes_up_its_group_and_that_is_told(
    folders: list[Path], tmp_path: Path
) -> None:
    origin(folders[0] / "train.yaml", tmp_path).keep()
    (folders[0] / "train.yaml").unlink()
    found = origin(folders[1] / "train.yaml", tmp_path)
    assert found.note == f"last run from {folders[0]}/train.yaml"
    found.keep()
    assert origin(folders[1] / "train.yaml", tmp_path).note is None


def test_a_group_that_no_file_names_belongs_to_its_folder(
    folders: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folders[0])
    for file in ("<command>", "train.yaml"):  # the template has the label of the group itself
        origin(file, tmp_path, "night").keep()
        assert origin("<stdin>", tmp_path, "night").note is None
    monkeypatch.chdir(folders[1])
    assert origin("<command>", tmp_path, "night").note == f"last run from {folders[0]}"


def test_a_call_from_python_is_refused_alike(folders: list[Path], tmp_path: Path) -> None:
    notes: list[str] = []
    first, second = (folder / "train.yaml" for folder in folders)
    expander.run(first, ["a"], state=tmp_path, runtime="process")
    for dry_run in (True, False):
        with pytest.raises(UsageError, match="group train belongs to "):
            expander.run(second, ["b"], state=tmp_path, runtime="process", dry_run=dry_run)
    with pytest.raises(UsageError, match="group train belongs to "):
        expander.run(second, ["b"], state=tmp_path, runtime="process", fresh=True)
    expander.run(second, ["a"], state=tmp_path, runtime="process", group="train", on_note=notes.append)
    assert f"group train (last run from {first})" in notes
