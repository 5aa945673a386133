"""``--shell env``: values reach scripts by variables, whole, and are never code there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import expander
from expander.base.errors import InputError, UsageError
from tests.render.test_values_and_code import PAYLOADS, SCRIPTS, SHELLS, manifest

VALUES = [*PAYLOADS, "my dog.jpg", "007", "", "it's", 'a "b"', "Ünï ☃", "-n", "a\n\nb\n"]


def expanded(path: Path, values: list[object], **options: object) -> list[dict[str, object]]:
    """The containers of the manifests of a template that is expanded with variables."""
    made = expander.expand(path, values, shell="env", validate=False, **options)  # type: ignore[arg-type]
    return [each.tree["spec"]["template"]["spec"]["containers"][0] for each in made]


def output(shell: str, container: dict[str, object], folder: Path) -> str:
    """What the script of a container prints, with its variables."""
    variables = {each["name"]: each["value"] for each in container.get("env", [])}  # type: ignore[attr-defined]
    variables = {name: value.replace("$$(", "$(") for name, value in variables.items()}
    script = container["command"][2]  # type: ignore[index]
    answer = subprocess.run(
        [shell, "-c", script],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "SHELL": "/bin/sh", **variables},
        timeout=60,
        check=False,
    )
    return answer.stdout.decode()


@pytest.mark.parametrize("script", SCRIPTS)
def test_no_payload_is_executed_from_a_variable(script: str, tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(manifest(script))
    refusals: list[InputError] = []
    containers = []
    try:
        containers = expanded(path, list(PAYLOADS), on_error=lambda error: None)
    except InputError as error:
        refusals.append(error)
    assert all("command[2]" in str(refusal) for refusal in refusals)
    for container in containers:
        for shell in SHELLS:
            output(shell, container, tmp_path)
            assert not (tmp_path / "pwned").exists(), container


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    "script",
    [
        "printf '<%s>' $ITEM",
        "printf '<%s>' \"$ITEM\"",
        "printf '<%s>' '$ITEM'",
        "x='$ITEM'; printf '<%s>' \"$x\"",
    ],
)
def test_any_value_arrives_whole(script: str, shell: str, tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(manifest(script))
    values = [value for value in VALUES if "\r" not in value]
    for value, container in zip(values, expanded(path, list(values)), strict=True):
        assert output(shell, container, tmp_path) == f"<{value}>"


def test_the_script_of_the_kubernetes_page_prints_what_it_did(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(manifest("echo Processing item $ITEM && sleep 0"))
    (container,) = expanded(path, ["apple"])
    assert container["command"][2] == 'echo Processing item "${ITEM}" && sleep 0\n'  # type: ignore[index]
    assert output("dash", container, tmp_path) == "Processing item apple\n"


def test_columns_and_the_index_have_variables_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(manifest("echo ${ITEM.name} '${ITEM.cpu-limit}' $INDEX"))
    (container,) = expanded(path, [{"name": "a b", "cpu-limit": 2}])
    assert output("dash", container, tmp_path) == "a b 2 0\n"
    assert [each["name"] for each in container["env"]] == ["ITEM_name", "ITEM_cpu_limit", "INDEX"]  # type: ignore[attr-defined]


def test_a_variable_that_the_template_sets_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(manifest("echo $ITEM") + "        env: [{name: ITEM, value: other}]\n")
    with pytest.raises(InputError, match="already has a variable ITEM"):
        expanded(path, ["apple"])


def test_code_that_cannot_take_a_variable_is_named_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(manifest("python3 -c 'print($ITEM)'"))
    with pytest.raises(
        InputError, match=r"job\.yaml:\d+:\d+.*containers\[0\]\.command\[2\].*cannot take values"
    ):
        expanded(path, ["apple"])


def test_the_refusal_shows_the_line_with_the_variable(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(manifest("set -e\nconvert $ITEM out.png"))
    found: list[expander.ItemError] = []
    assert list(expander.expand(path, ["my dog.jpg", "my $dog.jpg"], on_error=found.append)) == []
    quoted, by_variable = (error.problems[0] for error in found)
    assert 'quote it: convert "$ITEM" out.png' in str(quoted.hint)
    assert 'convert "${ITEM}" out.png' in str(by_variable.hint)
    line = path.read_text().split("\n")[quoted.where.line - 1]  # type: ignore[union-attr]
    assert line[quoted.where.column - 1 :].startswith("$ITEM out.png")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("script", "words", "hint"),
    [
        ("python3 -c \"print('$ITEM')\"", "python3", "python3 -c 'import sys; print(sys.argv[1])' \"$ITEM\""),
        ('x=1\necho "$ITEM" | sh', "line 2 of the script: sh may run what it reads", "allow_shell=True"),
        ("echo $(($ITEM + 1))", "arithmetic $(( ))", "allow_shell=True"),
        ("[[ -f $ITEM ]] && true", "[[ ]] in a script that is not run by bash", "[ -f $ITEM ] && true"),
        ("cat <<'EOF'\n$ITEM\nEOF", "here-document with a quoted delimiter", "cat <<EOF"),
        ('sed "s/NAME/$ITEM/g" x', "sed", "awk -v item=\"$ITEM\" '{ gsub(/NAME/, item) } 1' x"),
        ("sh -c 'echo $ITEM'", "sh -c runs its argument as code", 'sh -c \'echo "$1"\' sh "$ITEM"'),
        ("jq '.[\"$ITEM\"]' x", "jq", "jq --arg item \"$ITEM\" '.[$item]' x"),
        ('cat <<< "$ITEM"', "here-string <<<", "command: [bash, -c, ...]"),
    ],
)
def test_a_refusal_names_the_construct_and_what_to_write_instead(
    script: str, words: str, hint: str, tmp_path: Path
) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(manifest(script))
    found: list[expander.ItemError] = []
    assert list(expander.expand(path, ["a\nb; c"], validate=False, on_error=found.append)) == []
    assert words in found[0].problems[0].message
    assert hint in str(found[0].problems[0].hint)


def test_jinja_templates_have_variables_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml.j2"
    path.write_text(manifest("echo {{ item }}").replace("$INDEX", "{{ index }}"))
    with pytest.raises(UsageError, match=r"\$ITEM template"):
        expanded(path, ["apple"])
