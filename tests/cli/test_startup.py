"""What starting the program loads."""

import subprocess
import sys

HEAVY = [
    "kubernetes",
    "aiohttp",
    "asyncio",
    "jsonschema",
    "jsonschema_rs",
    "rich",
    "sqlite3",
    "requests",
    "urllib3",
]
LATE = [*HEAVY, "yaml", "ruamel", "jinja2", "json", "orjson", "csv"]


def loaded_by(*arguments: str) -> set[str]:
    """The modules in memory when the program has run with ``arguments``."""
    code = (
        "import sys\nfrom expander.cli.main import run\n"
        f"run({list(arguments)!r})\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(answer.stderr.split())


def test_help_loads_nothing_but_click() -> None:
    assert loaded_by("--help") & set(LATE) == set()


def test_help_of_a_command_loads_nothing_heavy() -> None:
    assert loaded_by("expand", "--help") & set(LATE) == set()


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, expander\nprint(*sorted({name.split('.')[0] for name in sys.modules}))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(answer.stdout.split()) & {*LATE, "click"} == set()
