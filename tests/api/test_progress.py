"""``progress=True``: what a notebook and a terminal show while a call is at work."""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import expander
from expander.api import progress
from tests.api.batches import ran, template
from tests.cli.cluster import cluster


class Notebook:
    """As the display of IPython: what was shown, in one place."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, kernel: object) -> None:
        self.texts: list[str] = []
        self.pages: list[str] = []
        shell = SimpleNamespace(kernel=kernel)
        for name, content in (
            ("IPython", {"get_ipython": lambda: shell}),
            ("IPython.display", {"display": self.display}),
        ):
            module = ModuleType(name)
            module.__dict__.update(content)
            monkeypatch.setitem(sys.modules, name, module)
        monkeypatch.setattr(progress, "PAUSE_SECONDS", 0)

    def display(self, shown: Any, display_id: bool) -> Notebook:
        assert display_id
        assert not self.texts
        self.update(shown)
        return self

    def update(self, shown: Any) -> None:
        self.texts.append(repr(shown))
        self.pages.append(shown._repr_html_())


def test_a_notebook_shows_how_far_a_run_and_a_wait_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = Notebook(monkeypatch, kernel=object())
    batch = ran(tmp_path, ["good", "bad"], progress=True)
    assert shown.texts[-1] == "group words: 2 of 2 ended, 1 failed"
    assert '<progress max="2" value="2"></progress>' in shown.pages[-1]
    assert "<td>bad</td><td>BackoffLimitExceeded</td>" in shown.pages[-1]
    shown = Notebook(monkeypatch, kernel=object())
    batch.wait(progress=True)
    assert shown.texts[-1] == "group words: 2 of 2 ended, 1 failed"
    assert "<td>bad</td><td>BackoffLimitExceeded (exit code 1)</td>" in shown.pages[-1]
    assert capsys.readouterr() == ("", "")


def test_a_terminal_shows_a_line_and_what_is_neither_shows_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = Notebook(monkeypatch, kernel=None)
    ran(tmp_path, ["good"], progress=True)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    ran(tmp_path, ["good"], progress=True)
    assert capsys.readouterr().err.endswith("\r\x1b[Kgroup words: 1 of 1 ended\n")
    ran(tmp_path, ["good"])
    assert (capsys.readouterr().err, shown.texts) == ("", [])


def test_texts_of_the_user_are_escaped_and_only_some_failures_are_named() -> None:
    shown = progress.Progress("group <b>")
    for number in range(progress.MAX_FAILURES + 1):
        shown.add_failure(f"<{number}>", "why")
    page = shown._repr_html_()
    assert "group &lt;b&gt;: 0 of 0 ended" in page
    assert ("&lt;9&gt;" in page, "&lt;10&gt;" in page, "<b>" in page) == (True, False, False)


def test_every_call_that_takes_long_shows_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = ran(tmp_path, ["good", "bad"])
    shown = Notebook(monkeypatch, kernel=object())
    batch.retry(runtime="process", progress=True)
    assert shown.texts[-1] == "group words: 1 of 1 ended, 1 failed"
    assert "<td>w-bad</td>" in shown.pages[-1]
    shown = Notebook(monkeypatch, kernel=object())
    batch.suspend(progress=True)
    assert shown.texts[-1].endswith("group words: 0 of 0 suspended")
    before = len(shown.texts)
    batch.cleanup(progress=True, dry_run=True)
    assert len(shown.texts) == before
    shown = Notebook(monkeypatch, kernel=object())
    batch.cleanup(progress=True)
    assert shown.texts[-1].startswith("group words: ")
    assert shown.texts[-1].endswith(" deleted")


def test_what_is_sent_to_a_cluster_shows_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPANDER_STATE", str(tmp_path / "kept"))
    shown = Notebook(monkeypatch, kernel=object())
    with cluster(tmp_path) as server:
        more: Any = {"kubeconfig": str(server.kubeconfig), "state": tmp_path, "progress": True}
        batch = expander.submit(template(), ["bad", "good"], **more)
        assert shown.texts[-1] == "group words: 2 of 2 sent"
        batch.wait()
        shown = Notebook(monkeypatch, kernel=object())
        expander.submit(template(), iter(["bad", "better"]), **more, rerun="failed", on_exit=["7=retry:1"])
        assert shown.texts[-1] == "group words: 2 of 2 ended, 1 failed"
        assert "<td>bad</td>" in shown.pages[-1]
        shown = Notebook(monkeypatch, kernel=object())
        batch.retry(["bad"], progress=True)
        assert shown.texts[-1] == "group words: 1 of 1 sent"


def test_a_total_that_is_not_known_is_not_shown() -> None:
    shown = progress.Progress("group a", "sent")
    shown.update(None, 1200)
    assert repr(shown) == "group a: 1,200 sent"
    assert "<progress></progress>" in shown._repr_html_()
    shown.end()
    assert repr(shown) == "group a: 1,200 of 1,200 sent"


def test_a_terminal_that_is_gone_does_not_end_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(text: str) -> int:
        raise OSError(errno.EIO, "Input/output error")

    terminal = SimpleNamespace(write=write, isatty=lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    assert ran(tmp_path, ["good"], progress=True).counts["succeeded"] == 1
