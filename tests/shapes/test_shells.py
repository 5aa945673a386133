"""The scripts say the same to every shell that an image may have as /bin/sh."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.shapes.batch import made, template
from tests.shapes.hostile import HOSTILE

SHELLS = [
    words for words in (["dash"], ["bash", "--posix"], ["busybox", "sh"], ["mksh"]) if shutil.which(words[0])
]
EVERY = {"FIRST": "<$ITEM>", "my.var": "$(FIRST)!", "IFS": "$ITEM", "PWD": "$(IFS)"}


def shown(text: str) -> list[dict[str, object]]:
    """What the program said, without what bash cannot leave out."""
    found = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    for entry in found:
        for name in ("_", "SHLVL"):
            entry["env"].pop(name, None)
    return found


def wanted() -> list[dict[str, object]]:
    """What each item is to be given."""
    return [
        {
            "argv": [item, f"<{item}>!"],
            "env": {"FIRST": f"<{item}>", "my.var": f"<{item}>!", "IFS": item, "PWD": item},
        }
        for item in PLAIN
    ]


PLAIN = [item for item in HOSTILE if "$(" not in item and "$$" not in item]
"""Items that the kubelet leaves as they are."""


def test_there_is_a_shell_to_try() -> None:
    assert ["bash", "--posix"] in SHELLS or ["dash"] in SHELLS


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_every_index_finds_its_item(shell: list[str], tmp_path: Path) -> None:
    maps, job = made(template(["$ITEM", "$(my.var)"], EVERY, name="show-$INDEX"), PLAIN, "indexed")
    for name, text in maps.tree["data"].items():
        (tmp_path / name).write_bytes(text.encode())
    container = job.tree["spec"]["template"]["spec"]["containers"][0]
    words = [word.replace("$$(", "$(") for word in container["command"]]
    assert words[0] == "/bin/sh"
    found = []
    for index in range(len(PLAIN)):
        env = {"JOB_COMPLETION_INDEX": str(index), "EXPANDER_MOUNT_EXPANDER_ITEMS": str(tmp_path)}
        answer = subprocess.run(
            [*shell, *words[1:]], env=env, capture_output=True, text=True, timeout=120, check=True
        )
        found += shown(answer.stdout)
    assert found == wanted()


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_every_item_of_a_chunk_has_its_turn(shell: list[str]) -> None:
    file = template(["$ITEM", "$(my.var)"], EVERY, name="show-$INDEX")
    (job,) = made(file, PLAIN, f"chunks={len(PLAIN)}")
    container = job.tree["spec"]["template"]["spec"]["containers"][0]
    words = [word.replace("$$", "$") for word in (*container["command"], *container["args"])]
    answer = subprocess.run(
        [*shell, *words[1:]], env={}, capture_output=True, text=True, timeout=120, check=True
    )
    assert shown(answer.stdout) == wanted()
    assert answer.stderr.count(" exit 0: ") == len(PLAIN)
