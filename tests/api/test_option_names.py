"""An error that Python raises speaks of its keywords, and leaves the values that it shows as they are."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import expander
from tests.api.batches import TEMPLATE, ran, template
from tests.cli.program import run

SCRIPT = TEMPLATE.replace("""'echo "got $WORD"; test "$WORD" != bad'""", "'tool --allow-shell --force $ITEM'")
JINJA = expander.TemplateFile.of(
    TEMPLATE.replace("$ITEM", "{{ ITEM }}").replace("echo", "echo {{ ITEM }}"), "j.j2"
)
MANIFEST = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a"}}


def expanded(*given: Any, **options: Any) -> None:
    list(expander.expand(*given, **options))


ERRORS: dict[str, tuple[Callable[[Path], object], str]] = {
    "envsubst": (
        lambda _: expanded(JINJA, ["a"], engine="jinja2", envsubst=True),
        "envsubst cannot be used with Jinja2",
    ),
    "shell": (
        lambda _: expanded(JINJA, ["a"], engine="jinja2", shell="env"),
        "shell='env' requires a $ITEM template",
    ),
    "key": (lambda _: expanded(template(), [{"ITEM": "a"}], key="b"), "key='b': no such column"),
    "plain key": (lambda _: expanded(template(), ["a"], key="b"), "key is for items with columns"),
    "shape": (
        lambda _: expander.submit([MANIFEST], shape="indexed", dry_run="client"),
        "shape='indexed' requires a template and items",
    ),
    "policies": (
        lambda _: ran(Path("s"), ["a"], policies="p.yaml", validate=False),
        "policies requires validation and cannot be used with validate=False",
    ),
    "values": (lambda _: expanded(template(), ["a"], values={"X": 1}), "(overrides, values) is not used"),
    "no items": (lambda _: expanded(template()), "hint: give them after the template; a Jinja2 template"),
    "repeated": (lambda _: expanded(template(), ["a", "a"]), "metadata.name ($INDEX always does)"),
    "policy": (lambda state: ran(state, ["a"], on_oom="twice"), "on_oom: found 'twice', expected xFACTOR"),
    "exits": (lambda state: ran(state, ["a"], on_exit=["42"]), "on_exit: found '42', expected CODE=retry:N"),
    "images": (lambda state: ran(state, ["a"], images={"a": "b"}), "use runtime='sandbox'"),
    "group": (lambda _: expander.status(local=True), "specify group=NAME or selector=SELECTOR"),
    "label": (lambda _: expander.status("a b", local=True), "group 'a b' is not a valid label value"),
    "selector": (lambda _: expander.status(selector="a in", local=True), "selector 'a in': "),
    "everywhere": (
        lambda _: expander.status("a", namespace="n", everywhere=True),
        "namespace and everywhere cannot be combined",
    ),
    "place": (
        lambda _: expander.status("a", local=True, context="c"),
        "local and state select local runs; they cannot be combined with kubeconfig or context",
    ),
    "goal": (lambda state: expander.wait("a", goal="half", state=state), "goal 'half': expected one of"),
    "cluster": (lambda _: expander.submit(template(), ["a"]), "specify kubeconfig=FILE or set KUBECONFIG"),
    "kueue": (
        lambda _: expander.submit(template(), ["a"], queue="a b", dry_run="client"),
        "queue: 'a b' is not a valid queue name",
    ),
}


@pytest.mark.parametrize("kind", ERRORS)
def test_an_error_names_keywords_and_no_options(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    call, words = ERRORS[kind]
    with pytest.raises(expander.ExpanderError) as caught:
        call(tmp_path / "state")
    assert words in str(caught.value)
    assert re.findall(r"(?<![-\w])--?[a-z][-a-z]*", str(caught.value)) == []


def test_changes_that_do_not_fit_are_called_changes(tmp_path: Path) -> None:
    batch = ran(tmp_path, ["bad"])
    with pytest.raises(expander.UsageError, match=r"^changes: "):
        batch.retry(changes={"nothing.here": "1"})


def test_a_script_and_an_item_with_options_are_shown_as_they_are(tmp_path: Path) -> None:
    item = "$(x) --group --as jobs"
    with pytest.raises(expander.ItemError) as caught:
        list(expander.expand(template(SCRIPT), [item]))
    assert repr(item) in str(caught.value)
    hint = caught.value.hint or ""
    assert "tool --allow-shell --force" in hint
    assert "shell='env'" in hint
    (tmp_path / "job.yaml").write_text(SCRIPT)
    typed = run("expand", "job.yaml", "--", item, cwd=tmp_path).err
    assert repr(item) in typed
    assert "hint: " + hint.replace("shell='env'", "--shell env") in typed
