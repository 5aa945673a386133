"""The first questions of a submission to its server."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from expander.base.errors import Unreachable
from expander.submit.opening import Opening
from expander.submit.options import SubmitOptions
from tests.submit.fake_cluster import kubeconfig


def test_nobody_waits_for_a_silent_server_once_it_is_stopped(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = kubeconfig(tmp_path, silent.getsockname()[1])
        opening = Opening(SubmitOptions(kubeconfig=config))
        opening.begin()
        opening.stopped = lambda: True
        with pytest.raises(Unreachable, match="interrupted"):
            opening.check(lambda line: pytest.fail(line))
