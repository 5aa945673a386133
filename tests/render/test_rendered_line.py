"""Errors of YAML in what a template became show the line, and the item where there is one."""

import pytest

from expander.base.errors import InputError
from expander.base.yaml.rendered_line import MAX_LINE
from expander.manifests.manifest import Manifest
from expander.render.compile import Rules
from expander.render.text_template import TextTemplate
from tests.render.batch import items_of, jinja

HEAD = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\n"


def test_an_item_that_breaks_a_jinja2_template_is_named_with_its_line() -> None:
    good, bad = jinja(HEAD + "a: [{{ item }}]\nb: [{{ item | safe }}, {{ item }}]\n", "fine", "]")
    assert isinstance(good, Manifest)
    assert "t.j2 (rendered):5:6: item 2 ']' (<python>): not valid YAML: " in str(bad)
    assert str(bad).splitlines()[0].endswith(", in: b: [], ]]")


def test_a_jinja2_template_that_is_never_yaml_shows_the_line_with_its_values() -> None:
    with pytest.raises(InputError, match=r"in this context, in: a: b: some text\n"):
        jinja("a: b: {{ item }}\n", "some text")


@pytest.mark.parametrize(
    ("value", "shown"), [("]", "a: []]"), ("]" * 500, "a: [" + "]" * (MAX_LINE - 7) + "...")]
)
def test_an_item_that_breaks_a_text_template_is_named_with_its_line(value: str, shown: str) -> None:
    (bad,) = TextTemplate(HEAD + "a: [$ITEM]\n", "t.yaml", Rules(shell="allow")).render(
        items_of(value), "json"
    )
    assert "t.yaml (rendered):4:" in str(bad)
    assert f", in: {shown}" in str(bad)
