"""Jinja2 templates: parameters, data and layout, errors."""

import json
from pathlib import Path
from typing import Any

import pytest

from expander.base.errors import InputError, ItemError
from expander.local.kubelet.env import expand
from expander.manifests.manifest import Manifest
from expander.render.compile import Rules
from expander.render.jinja.template import JinjaTemplate
from tests.render.batch import items_of, jinja, message, trees

ROOT = Path(__file__).resolve().parents[2]
HEAD = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: a-{{ item }}\n"


def spec_of(fields: str, *values: Any, **variables: Any) -> Any:
    (tree,) = trees(jinja(f"{HEAD}spec:\n{fields}\n", *values, **variables))
    return tree["spec"]


def test_a_template_with_its_own_parameters_gives_a_job_for_each() -> None:
    template = (ROOT / "examples/02-jinja2/job.yaml.jinja2").read_text()
    found = trees(jinja(template))
    assert [tree["metadata"]["name"] for tree in found] == [
        f"jobexample-{name}" for name in ("apple", "banana", "cherry")
    ]
    command = found[0]["spec"]["template"]["spec"]["containers"][0]["command"]
    assert command[2] == "echo Processing URL http://dbpedia.org/resource/Apple && sleep 5"
    assert [tree["metadata"]["annotations"]["expander/item"] for tree in found] == [
        "apple",
        "banana",
        "cherry",
    ]


def test_numbers_and_booleans_keep_their_type_and_text_is_read_as_the_field_wants() -> None:
    assert spec_of("  parallelism: {{ n }}\n  suspend: {{ s }}", "x", n=3, s=True) == {
        "parallelism": 3,
        "suspend": True,
    }
    assert spec_of("  parallelism: {{ n }}", "x", n="4") == {"parallelism": 4}
    text = message(jinja(f"{HEAD}spec:\n  parallelism: {{{{ n }}}}\n", "x", n="four"))
    assert "spec.parallelism: expected an integer, found 'four'" in text


def test_what_an_expression_prints_is_never_structure() -> None:
    value = "x\nspec:\n  suspend: true"
    (tree,) = trees(jinja(HEAD + "  annotations: {note: {{ note }}}\n", "i", note=value))
    assert tree["metadata"]["annotations"]["note"] == value
    assert "spec" not in tree


def test_filters_that_lay_out_give_structure() -> None:
    made = spec_of(
        "  template:\n    spec:\n{{ pod | toyaml | indent(6, first=true) }}",
        "x",
        pod={"hostname": "h", "a": [1]},
    )
    assert made["template"]["spec"] == {"hostname": "h", "a": [1]}
    assert spec_of("  template: {{ pod | tojson }}", "x", pod={"a": "b: c"}) == {"template": {"a": "b: c"}}
    with pytest.raises(InputError, match=r"takes a mapping(.|\n)*tojson"):
        spec_of("  template: {{ pod }}", "x", pod={"a": ["\u2028"]})


@pytest.mark.parametrize(
    "body",
    [
        '{% macro m(x) %}{{ x }}{% endmacro %}a: "{{ m(item) }}"',
        "{% macro m(x) %}a: {{ x }}{% endmacro %}{{ m(item) }}",
        "{% macro m() %}a: {{ caller() }}{% endmacro %}{% call m() %}{{ item }}{% endcall %}",
        "{% set s %}a: {{ item }}{% endset %}{{ s }}",
        "{% set s | trim %}a: {{ item }}   {% endset %}{{ s }}",
        "a: '{% filter string %}{{ item }}{% endfilter %}'",
        "{% filter indent(4) %}a: {{ item }}{% endfilter %}",
        "{% filter trim %}a: {{ item }}{% endfilter %}",
        "a: {{ item ~ '' }}",
        "a: {{ '' + item }}",
        "a: {{ ('' | safe) + item }}",
        "a: {{ ('%s' | safe) % item }}",
        "a: {{ ('{}' | safe).format(item) }}",
        "a: {{ '%s' | format(item) }}",
        "a: {{ ['', item] | join }}",
        "a: {{ ('' | safe).join([item]) }}",
        "a: {{ ('x' | safe).replace('x', item) }}",
        "a: {{ [item] | first }}",
        "{% for x in [item] %}a: {{ x }}{% endfor %}",
        "{% for x in [[]] recursive %}{{ loop(x) if x }}a: {{ item }}{% endfor %}",
        "{% block b %}a: {{ item }}{% endblock %}",
        "{% block b %}a: {{ item }}{% endblock %}\n    # {{ self.b() | length }}",
        "{% with x = item %}a: {{ x }}{% endwith %}",
        "{% include 'part' %}",
        "{% import 'macros' as m %}{{ m.pair(item) }}",
        "{% from 'macros' import pair %}{{ pair(item) }}",
    ],
)
@pytest.mark.parametrize(
    "value", ["a: b\n- 'c' \"d\"", "]}", "# x", "---\nkind: Pod", "*x", "{{ 1 }}", "\ue0000\ue001"]
)
def test_a_value_stays_data_whatever_a_template_does_with_it(body: str, value: str) -> None:
    parts = {"part": "a: {{ item }}", "macros": "{% macro pair(x) %}a: {{ x }}{% endmacro %}"}
    made = JinjaTemplate(f"{HEAD}  annotations:\n    {body}\n", "t.j2", Rules(), load=parts.get)
    (tree,) = trees(list(made.render(items_of(value), "json")))
    assert tree["metadata"]["annotations"] == {"a": value, "expander/item": value}


@pytest.mark.parametrize("filter_name", ["e", "escape", "forceescape", "urlize", "striptags"])
def test_a_filter_that_gives_markup_gives_data(filter_name: str) -> None:
    (tree,) = trees(jinja(f"{HEAD}  annotations:\n    a: {{{{ item | {filter_name} }}}}\n", "x: [y"))
    assert tree["metadata"]["annotations"]["a"] == "x: [y"


@pytest.mark.parametrize(
    "text",
    [
        "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
        "{{ " + "[" * 300 + "1" + "]" * 300 + " }}",
        "{% if true %}" * 300 + "{% endif %}" * 300,
        "{{ item" + " | upper" * 5000 + " }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    ],
)
def test_nesting_that_goes_too_deep_is_an_error(text: str) -> None:
    def outcome() -> object:
        try:
            return jinja(f"{HEAD}  annotations:\n    a: b{text}\n", "x")[0]
        except InputError as error:
            return error

    assert "nested too deeply" in str(outcome())


def test_macros_and_blocks_of_text_give_structure_with_data_inside() -> None:
    macro = "{% macro env(n, v) %}- {name: {{ n }}, value: {{ v | tojson }}}{% endmacro %}"
    body = "  template:\n    list:\n    {{ env('A', 'x: y') }}\n    {{ env('B', '2') }}"
    (tree,) = trees(jinja(f"{macro}\n{HEAD}spec:\n{body}\n", "i"))
    assert tree["spec"]["template"]["list"] == [{"name": "A", "value": "x: y"}, {"name": "B", "value": "2"}]


def test_loops_and_conditions_choose_the_structure() -> None:
    template = HEAD + "{% if gpu %}  labels: {gpu: 'yes'}\n{% endif %}spec: {}\n"
    with_gpu, without = trees([*jinja(template, "x", gpu=True), *jinja(template, "x", gpu=False)])
    assert with_gpu["metadata"]["labels"] == {"gpu": "yes"}
    assert "labels" not in without["metadata"]


def test_a_kind_or_the_name_of_a_field_may_come_from_a_value() -> None:
    template = (
        "apiVersion: batch/v1\nkind: {{ kind }}\nmetadata: {name: n-{{ item }}}\nspec: { {{ field }}: 3 }\n"
    )
    (tree,) = trees(jinja(template, "x", kind="Job", field="parallelism"))
    assert (tree["kind"], tree["spec"]) == ("Job", {"parallelism": 3})


def test_names_and_labels_are_made_valid_and_filters_make_them_on_demand() -> None:
    (tree,) = trees(
        jinja(
            HEAD + "  annotations: {name: '{{ item | k8s_name }}', label: '{{ item | label_value }}'}\n",
            "Ä B",
        )
    )
    assert tree["metadata"]["name"].startswith("a-a-b-")
    assert tree["metadata"]["annotations"]["name"].startswith("a-b-")
    assert tree["metadata"]["annotations"]["label"].startswith("A-B-")


CONTAINER = "  template:\n    spec:\n      containers:\n      - name: c\n        command: ['sh', '-c', 'echo {{ X }}']"


def test_the_shell_check_knows_the_quoting_filter() -> None:
    script = spec_of(CONTAINER.replace("X", "item | quote"), "a; b")["template"]["spec"]["containers"][0][
        "command"
    ][2]
    assert script == "echo 'a; b'"
    found = jinja(f"{HEAD}spec:\n{CONTAINER.replace('X', 'item')}\n", "a; b")
    assert "could change what the shell script does (outside quotes)" in message(found)


def test_an_undefined_name_is_an_error_with_its_line_and_the_nearest_name() -> None:
    template = HEAD + "spec:\n  a: {{ imagge }}\n  b: {{ urll }}\n"
    (error,) = jinja(template, {"item": "x", "image": "i", "url": "u"})
    assert isinstance(error, ItemError)
    assert [(str(p.where), p.message, p.hint) for p in error.problems] == [
        ("t.j2:6", "'imagge' is undefined", "did you mean 'image'?"),
        ("t.j2:7", "'urll' is undefined", "did you mean 'url'?"),
    ]


def test_a_default_or_a_test_excuses_an_undefined_name() -> None:
    assert spec_of("  a: {{ x | default('d') }}\n  b: {{ 'y' if z is defined else 'n' }}", "i") == {
        "a": "d",
        "b": "n",
    }


def test_an_undefined_attribute_names_the_nearest() -> None:
    (error,) = jinja(HEAD + "spec: {a: {{ row.immage }}}\n", {"item": "x", "row": {"image": 1}})
    assert "did you mean 'image'?" in str(error)


@pytest.mark.parametrize(
    ("template", "place"),
    [
        ("{% for x in %}", "t.j2:1"),
        ("\n{{ x", "t.j2:2"),
        ("\n\n{% endfor %}", "t.j2:3"),
        ("{{ x | nofilter }}", "t.j2:1"),
    ],
)
def test_a_template_that_is_no_jinja2_is_one_error_with_its_line(template: str, place: str) -> None:
    with pytest.raises(InputError) as caught:
        jinja(template, "x")
    assert str(caught.value).startswith(place)


def test_the_sandbox_keeps_a_template_from_the_process() -> None:
    for attack in (
        "''.__class__.__mro__",
        "cycler.__init__.__globals__",
        "(1).__class__.__base__.__subclasses__()",
    ):
        (result,) = jinja(HEAD + f"spec: {{a: '{{{{ {attack} }}}}'}}\n", "x")
        assert isinstance(result, ItemError), attack
    (result,) = jinja(HEAD + "{% for i in range(1000000000) %}{% endfor %}", "x")
    assert "range" in str(result)


def test_an_item_that_fails_does_not_stop_the_others() -> None:
    found = jinja(HEAD + "spec: {parallelism: {{ 10 // item }}}\n", 5, 0, 2)
    assert [isinstance(result, Manifest) for result in found] == [True, False, True]
    assert "t.j2:5: item 2 0 (<python>): ZeroDivisionError" in str(found[1])


def test_a_line_break_cannot_leave_a_comment() -> None:
    template = HEAD + "# by {{ item }}\nspec: {}\n"
    assert trees(jinja(template, "fine"))[0]["spec"] == {}
    assert "in a comment has a line break" in message(jinja(template, "x\nspec: {suspend: true}"))


def test_columns_are_variables_and_the_index_counts_from_0() -> None:
    template = HEAD.replace("{{ item }}", "{{ index }}-{{ name }}") + "spec: {a: '{{ item.name }}'}\n"
    found = trees(jinja(template, {"name": "x"}, {"name": "y"}))
    assert [tree["metadata"]["name"] for tree in found] == ["a-0-x", "a-1-y"]
    assert found[1]["spec"]["a"] == "y"


def test_includes_come_from_the_loader_only() -> None:
    parts = {"pod.yaml": "restartPolicy: Never\nhostname: {{ item }}"}
    template = (
        HEAD
        + "spec:\n  template:\n    spec:\n      {% filter indent(6) %}{% include 'pod.yaml' %}{% endfilter %}\n"
    )
    made = JinjaTemplate(template, "t.j2", Rules(), load=parts.get)
    (tree,) = trees(list(made.render(items_of("h"), "json")))
    assert tree["spec"]["template"]["spec"] == {"restartPolicy": "Never", "hostname": "h"}
    (result,) = made.__class__(
        template.replace("pod.yaml", "no.yaml"), "t.j2", Rules(), load=parts.get
    ).render(items_of("h"), "json")
    assert "no.yaml" in str(result)


def test_documents_of_any_kind_come_in_the_order_they_are_written() -> None:
    template = (
        "{% for n in [1, 2] %}---\napiVersion: v1\nkind: Service\nmetadata: {name: s{{ n }}}\n---\n"
        + HEAD
        + "{% endfor %}"
    )
    found = trees(jinja(template, "x"))
    assert [(tree["kind"], tree["metadata"]["name"]) for tree in found] == [
        ("Service", "s1"), ("Job", "a-x"), ("Service", "s2"), ("Job", "a-x"),
    ]  # fmt: skip


@pytest.mark.parametrize("value", ["$(OWN)", "a$$b", "x$", "$", "$$(OWN)$", "$HOME $(", "plain"])
def test_references_in_what_layout_filters_write_are_those_of_the_template_only(value: str) -> None:
    text = """\
  template:
    spec:
      containers:
      - name: c
        command: {{ ["printf", p, "x" ~ p ~ "(OWN)", "$(OWN)"] | tojson }}
        args: ['{{ {"a": p} | tojson }}', {{ p | toyaml }}, "{{ p | safe }}"]
        image: {{ p | tojson }}
"""
    container = spec_of(text, {"item": "i", "p": value})["template"]["spec"]["containers"][0]
    program, *words, own = container["command"]
    assert (program, own) == ("printf", "$(OWN)")
    variables = {"OWN": "own"}
    assert [expand(word, variables) for word in words] == [value, f"x{value}(OWN)"]
    args = [expand(word, variables) for word in container["args"]]
    assert args == [json.dumps({"a": value}), value, value]
    assert container["image"] == value


def test_a_template_that_looks_for_dollars_has_to_print_them() -> None:
    text = "  template: {spec: {containers: [{name: c, command: [echo], args: [BODY]}]}}"
    looks = text.replace("BODY", '{% if "$" in p %}{{ p | tojson }}{% else %}none{% endif %}')
    assert "print values without tojson" in message(
        jinja(f"{HEAD}spec:\n{looks}\n", {"item": "i", "p": "$(A)"})
    )
    prints = looks.replace("p | tojson", "p")
    assert spec_of(prints, {"item": "i", "p": "$(A)"})["template"]["spec"]["containers"][0]["args"] == [
        "$$(A)"
    ]


def test_a_column_with_the_name_of_a_value_is_checked_as_a_column() -> None:
    text = "spec: {template: {spec: {containers: [{name: c, command: [sh, -c, {{ cmd | tojson }}]}]}}}"
    found = jinja(f"{HEAD}{text}\n", {"item": "i", "cmd": "a; b"}, cmd="true")
    assert "could change what a script" in message(found)
