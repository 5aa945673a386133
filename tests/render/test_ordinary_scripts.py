"""How many ordinary values are refused in ordinary scripts: a change that refuses more fails here."""

from __future__ import annotations

import re
from pathlib import Path

import expander
from expander.render.script import contexts
from expander.render.script_context import is_proven
from tests.render.ordinary import SCRIPTS, VALUES
from tests.render.test_values_and_code import manifest

PASSED = 2257
"""Pairs of script and value, of all 2,800. The other 543 would have changed the script, or its data."""
FALSELY_REFUSED = 0
REFUSED_BY_VARIABLE = 11
"""Scripts, of all 80, that ``--shell env`` refuses: the value is code there, or inside of SQL."""

JUSTIFIED = {
    "plain": r"[^A-Za-z0-9_@%+=:,./\u00c0-\U0010ffff-]|^-",
    "double": r"[\"$`\\]|^-",
    "single": r"'",
    "document": r"[$`\\\n]",
    "sql": r"[\"$`\\']",
    "json": r"[\"\\']",
    "code": "",
}
"""What in a value makes its refusal right: written by hand, it would have changed the script, or its data."""


def segments_of(script: str) -> list[str | int]:
    found: list[str | int] = []
    for part in re.split(r"\$ITEM|\$\{ITEM\}", script):
        found += [part, 0]
    return found[:-1]


def refused(place: str, shell: str, script: str) -> tuple[list[str], list[str]]:
    """The values that are refused, and those of them that are refused for no good reason."""
    found = contexts(segments_of(script), bash=shell == "bash")
    values = [value for value in VALUES if not all(context.accepts(value) for context in found)]
    return values, [value for value in values if not re.search(JUSTIFIED[place], value)]


def test_the_number_of_refused_values_does_not_grow() -> None:
    found = [refused(*each) for each in SCRIPTS]
    falsely = sum(len(each) for _, each in found)
    passed = len(SCRIPTS) * len(VALUES) - sum(len(each) for each, _ in found)
    assert (passed, falsely) == (PASSED, FALSELY_REFUSED), [
        (script, each) for (_, _, script), (_, each) in zip(SCRIPTS, found, strict=True) if each
    ]


def test_the_number_of_scripts_that_take_no_variables_does_not_grow() -> None:
    refused = [
        (place, script)
        for place, shell, script in SCRIPTS
        if not all(map(is_proven, contexts(segments_of(script), bash=shell == "bash")))
    ]
    assert len(refused) == REFUSED_BY_VARIABLE, refused
    assert {place for place, script in refused if "git checkout" not in script} == {"code", "sql"}


def test_the_public_call_agrees(tmp_path: Path) -> None:
    refusals = 0
    for _, shell, script in SCRIPTS[::10]:
        path = tmp_path / "job.yaml"
        path.write_text(manifest(script).replace("- sh\n", f"- {shell}\n"))
        errors: list[expander.ItemError] = []
        made = list(expander.expand(path, VALUES, validate=False, on_error=errors.append))
        assert len(made) + len(errors) == len(VALUES)
        found = contexts(segments_of(script), bash=shell == "bash")
        refusals += len(errors)
        assert len(errors) == sum(not all(context.accepts(value) for context in found) for value in VALUES)
    assert refusals
