"""Documents of Jinja2 templates: the same whether a template's code yields pairs or pieces."""

import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2.compiler import CodeGenerator

from expander.base.errors import ExpanderError, ItemError
from expander.manifests.manifest import Manifest
from expander.render.compile import Rules
from expander.render.jinja import documents, env, generator
from expander.render.jinja.env import Environment
from expander.render.jinja.generator import PairGenerator
from expander.render.jinja.template import JinjaTemplate
from tests.render.batch import items_of

INCLUDED = {
    "head": "kind: Job\nmetadata:\n  name: {{ x }}\n",
    "more": "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c{{ x }}}\n---\n",
    "base": "apiVersion: batch/v1\n{% block b %}kind: Job{% endblock %}\nmetadata: {name: {{ x }}}\n",
    "macros": "{% macro arg(v) %}- {{ v }}{% endmacro %}",
}
VALUES = [1, -7, 1.5, True, "a", "b c", "---", "\n---\n", "# x", "$(A)", "", "yes", [1, "x"], {"a": 1}]


class PieceGenerator(PairGenerator):
    """Code that yields each text and value by itself, turn by turn of a loop."""

    visit_Output = CodeGenerator.visit_Output  # noqa: N815
    visit_For = CodeGenerator.visit_For  # noqa: N815


class Writer:
    """Templates at random."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def expression(self) -> str:
        """Something that prints."""
        return self._random.choice(
            [
                "{{ x }}",
                "{{ item }}",
                "{{ 'text' }}",
                "{{ x | tojson }}",
                "{{ x | string | indent(4) }}",
                "{{ x ~ 1 }}",
                "{{ m(x) }}",
                "{{ m(x) | upper }}",
                "{{ s }}",
                "{{ nothing }}",
                "{{ nothing | default('n') }}",
                "{{ x.a }}",
                "{{ 1 // (x if x is number else 1) }}",
                "{% filter upper %}q{{ x }}{% endfilter %}",
                "{% call w() %}{{ x }}{% endcall %}",
            ]
        )

    def document(self) -> str:
        """A document, or what is less or more than one, without statements."""
        values = [
            "{{ x }}",
            "{{ item }}",
            "{{ x ~ 1 }}",
            "{{ 6 // (7 - x) }}",
            "{{ x | quote }}",
            "{{ x.a }}",
        ]
        values += [
            "{{ nothing | default(x) }}",
            "{{ item | upper }}",
            "{{ none }}",
            "{{ 'k' }}",
            "{{ loop }}",
        ]
        e = [self._random.choice(values[: self._random.choice([2, 2, 2, 5, 11])]) for _ in range(4)]
        start = self._random.choice(["\n---\n", "---\n", "\n---\n", "---\n---\n", "", f"a: {e[3]}\n---\n"])
        kind = self._random.choice(["kind: Job", "kind: Job", f"kind: {e[2]}", f"kind: Job # {e[2]}"])
        end = self._random.choice(["\n", "\n", "", "\n---\n", f"\n---\na: {e[0]}\n"])
        note = f"annotations: {{a: {e[0]}, b: x{e[1]}y{e[0]}}}"
        return f"{start}apiVersion: batch/v1\n{kind}\nmetadata: {{name: n{e[0]}, {note}}}{end}"

    def loop(self) -> str:
        """A loop without statements in it."""
        turns = [f"x in range({self._random.randint(0, 9)})", "x, item in [(1, 'a'), (2, 3)] * 4"]
        turns += ["item in ['a', 'B c', 3, 'a', none]", "x in 'abcde'", "item in [1, 2, 3, x, '---', '#']"]
        return f"{{% for {self._random.choice(turns)} %}}{self.document()}{{% endfor %}}"

    def lines(self, depth: int) -> str:
        """Some lines of a document, or several documents."""
        return "".join(self._part(depth) for _ in range(self._random.randint(0, 3)))

    def _part(self, depth: int) -> str:
        if depth and self._random.random() < 0.5:
            return self._random.choice(
                [
                    "{% for x in [1, 'a', 2] %}PART{% endfor %}",
                    "{% for x in range(3) %}\n---\nPART{% endfor %}",
                    self.loop(),
                    "{% for x in [1, 2, 3] if x > 1 %}PART{% else %}PART{% endfor %}",
                    "{% if x %}PART{% else %}PART{% endif %}",
                    "{% with x = 5 %}PART{% endwith %}",
                    "{% set s %}PART{% endset %}",
                    "{% for x in [[1], []] recursive %}{{ loop.index }}PART{{ loop(x) }}{% endfor %}",
                    "{% block b %}PART{% endblock %}",
                ]
            ).replace("PART", self.lines(depth - 1))
        e = self.expression()
        return self._random.choice(
            [
                f"l{self._random.randint(0, 99)}: {e}\n",
                f"k{self._random.randint(0, 99)}: a{e}b{e}\n",
                f"# {e}\n",
                f"{e}\n",
                "---\n",
                "---{{ x }}\n",
                "--- # {{ x }}\n",
                "apiVersion: batch/v1\nkind: Job\n",
                f"metadata: {{name: {e}}}\n",
                "{% include 'head' %}",
                "{% include 'more' without context %}",
                "{% from 'macros' import arg %}a: [{{ arg(x) }}]\n",
            ]
        )

    def template(self) -> str:
        """A whole template."""
        start = "{% macro m(v) %}<{{ v }}>{% endmacro %}{% macro w() %}{{ caller() }}{{ 2 }}{% endmacro %}"
        start += "{% set s = 'set' %}"
        if self._random.random() < 0.5:
            start = self._random.choice(["", "{% set item = 'i' %}"])
            return start + self.loop() + self._random.choice(["", "---\n", self.loop()])
        whole = f"{start}apiVersion: batch/v1\nkind: Job\nmetadata: {{name: {self.expression()}}}\n"
        if self._random.random() < 0.2:
            return "{% extends 'base' %}{% block b %}{{ super() }}\n# {{ x }}{% endblock %}" + self.lines(1)
        return whole + self.lines(3)


def made(template: str, values: list[object] | None) -> list[str]:
    """The manifests and errors of items, or of the template alone."""
    try:
        rendered = JinjaTemplate(template, "t.j2", Rules(), {"x": 1}, load=INCLUDED.get)
        if values is None:
            results = [result for chunk in rendered.render_alone("json") for result in chunk]
        else:
            results = [*rendered.render(items_of(*values), "json")]
    except ExpanderError as error:
        return [f"{type(error).__name__} {error}"]
    return [str(each) if isinstance(each, ItemError) else json.dumps(each.tree) for each in results]


@settings(max_examples=60)
@given(
    seed=st.integers(0, 1 << 32),
    values=st.none() | st.lists(st.sampled_from(VALUES), max_size=6),
    turns=st.sampled_from([1, 2, 3, 1024]),
)
def test_pairs_make_the_documents_that_pieces_make(
    seed: int, values: list[object] | None, turns: int
) -> None:
    template = Writer(Random(seed)).template()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generator, "MIN_COLUMNS", 1)
        patch.setattr(env, "_CHUNK", turns)
        found = made(template, values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Environment, "code_generator_class", PieceGenerator)
        assert made(template, values) == found
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents, "_MAX_STATES", 2)
        assert made(template, values) == found


def test_the_documents_of_a_loop_are_made_together() -> None:
    document = (
        "---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: n{{ x }}, labels: {a: {{ y | upper }}}}\n"
    )
    template = f"{{% for x in range(3000) %}}\n{document}{{% endfor %}}"
    found = list(JinjaTemplate(template, "t.j2", Rules(), {"y": "b"}).render_alone("yaml"))
    assert [len(each) for each in found if len(each) > 1] == [1022, 1023, 951]
    names = [each.name for part in found for each in part if isinstance(each, Manifest)]
    assert names == [f"n{number}" for number in range(3000)]


def test_a_long_list_in_a_document_takes_time_and_memory_by_its_length() -> None:
    body = (
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{args: ["
    )
    template = f"{body}{{% for n in range(x * 1000) %}}{{{{ n }}}}, {{% endfor %}}]}}]}}}}}}\n"
    (found,) = made(template, None)
    assert json.loads(found)["spec"]["template"]["spec"]["containers"][0]["args"] == [
        str(n) for n in range(1000)
    ]
