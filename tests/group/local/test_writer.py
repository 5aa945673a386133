"""What `cleanup` does in the state folder of a group here while others want it too."""

import threading
from pathlib import Path

from expander.base.errors import ExpanderError
from expander.group.local.writer import LocalWriter
from expander.kube.objects import Selection
from expander.local.state import StateFolder

ROUNDS = 30


def test_of_several_that_remove_a_folder_at_once_one_does_and_the_others_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "g"
    ended: list[BaseException | None] = []

    def remove(begin: threading.Barrier) -> None:
        begin.wait()
        try:
            with LocalWriter([folder], Selection(None, ""), tmp_path / "_retry") as writer:
                writer.drop_empty()
            ended.append(None)
        except BaseException as error:
            ended.append(error)

    for _ in range(ROUNDS):
        StateFolder(folder).close()
        (folder / "logs").mkdir()
        for number in range(20):
            (folder / "logs" / str(number)).touch()
        begin = threading.Barrier(4)
        threads = [threading.Thread(target=remove, args=(begin,)) for _ in range(begin.parties)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not folder.exists()
    assert ended.count(None) >= ROUNDS
    assert [error for error in ended if not isinstance(error, ExpanderError | None)] == []
