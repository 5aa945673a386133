"""The program: a group of commands, each imported when it is called."""

from __future__ import annotations

import atexit
import errno
import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any

import click

from expander.base.errors import ExpanderError, InputError
from expander.base.option_names import command_line
from expander.base.waiting import told_to
from expander.cli.options.defaults import defaults_of, settings
from expander.cli.output.streams import say, show_error, write_error
from expander.cli.pages.page import GroupPage
from expander.version import __version__


def version_text(version: str) -> str:
    """The version, and for each accelerator whether it is in use or what replaces it."""
    from importlib.machinery import PathFinder

    def has(package: str, extension: str) -> bool:
        """Whether the extension module of a package is installed; nothing is imported."""
        found = PathFinder.find_spec(package)
        places = found.submodule_search_locations if found is not None else None
        return places is not None and PathFinder.find_spec(extension, places) is not None

    lines = [
        ("YAML", "libyaml", has("yaml", "_yaml"), "PyYAML's Python scanner (slow)"),
        ("JSON", "orjson", has("orjson", "orjson"), "Python's json"),
        ("validation", "jsonschema-rs", has("jsonschema_rs", "jsonschema_rs"), "Python (slow)"),
    ]
    used = [f"  {what}: {fast if there else slow}" for what, fast, there, slow in lines]
    return "\n".join([f"expander {version}", *used])


COMMANDS = {
    "cleanup": "Delete a group with everything created for it.",
    "completion": "Print the completion script for a shell.",
    "config": "Show the defaults that files set, and where they come from.",
    "crds": "Save the CustomResourceDefinitions of a cluster for validation.",
    "diff": "Compare templates, manifests or a group, by item and field.",
    "exec": "Run a command in a container of a group.",
    "expand": "Expand a template and items into a labelled batch of manifests.",
    "groups": "List batches, on this machine and in the cluster.",
    "help": "Show the help of a command or a topic.",
    "image": "Unpack images of archives for run and serve; list and remove them.",
    "init": "Print a starter template.",
    "logs": "Print or save the logs of a group.",
    "plan": "Preview a submission: counts, bytes, quota fit, time.",
    "queue": "Fill, inspect, process and empty work queues in Redis and RabbitMQ.",
    "report": "Write an HTML report of a group: timeline, failures, durations, cost.",
    "results": "Show the results of a group and fetch its output.",
    "resume": "Resume the suspended Jobs of a group.",
    "retry": "Retry the failed Jobs of a group.",
    "run": "Run a batch of Jobs on this machine, as a cluster would.",
    "serve": "Serve a local Kubernetes API for kubectl and client libraries.",
    "status": "Show the status of a group's Jobs and why they wait or failed.",
    "submit": "Create a batch of Jobs in a cluster, each exactly once.",
    "suspend": "Suspend the Jobs of a group until they are resumed.",
    "test": "Check what templates make against the cases beside them.",
    "ui": "Serve a live page about groups: timeline, failures, logs, retry.",
    "validate": "Validate manifests offline, as the API server would.",
    "wait": "Wait until the Jobs of a group are finished.",
}
"""Commands and their summaries; the function ``command`` of `module_of` is each."""

STAGES = {
    "Prepare": ("init", "expand", "validate", "diff", "test", "plan", "crds"),
    "Run": ("submit", "run", "serve", "image", "queue"),
    "Follow": ("groups", "status", "wait", "logs", "exec", "suspend", "resume", "results", "report", "ui"),
    "Finish": ("retry", "cleanup"),
}
"""The headings of ``--help`` and their commands; the rest comes last."""

WITHOUT_DEFAULTS = ("completion", "help")
"""Commands with no option that a file may set."""

PLUGIN = "kubectl-expander"
"""The name under which kubectl starts the program as a plugin."""

COMPLETE = "_EXPANDER_COMPLETE"
"""The environment variable with which a completion script calls the program."""

CLOSED_PIPE = 141
"""The exit code when the reader of the output is gone, as a shell reports SIGPIPE (`ClosedPipe`)."""

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def module_of(name: str) -> str:
    """The module of a command; those about groups that exist have a folder of their own."""
    folder = "group." if name in (*STAGES["Follow"], *STAGES["Finish"]) else ""
    return f"expander.cli.{folder}{name}"


class Commands(GroupPage):
    """A group that imports a command's module only when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def summaries(self, ctx: click.Context) -> list[tuple[str, str]]:
        return [*COMMANDS.items()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(module_of(cmd_name)).command
        ctx.default_map = {cmd_name: _defaults(ctx, cmd_name, command)}
        if ctx.resilient_parsing:
            from expander.cli.options.complete_values import attach

            attach(command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        staged = {name for names in STAGES.values() for name in names}
        rest = tuple(name for name in COMMANDS if name not in staged)
        for stage, names in {**STAGES, "Other commands": rest}.items():
            with formatter.section(stage):
                formatter.write_dl([(name, COMMANDS[name]) for name in names if name in COMMANDS])


def _defaults(ctx: click.Context, name: str, command: click.Command) -> dict[str, Any]:
    """What files set for a command. Raises InputError for a file that is wrong, but not for ``help``."""
    if name in WITHOUT_DEFAULTS:
        return {}
    try:
        return defaults_of(name, command, settings(COMMANDS))
    except InputError:
        if ctx.invoked_subcommand == "help":
            return {}
        raise


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(version_text(__version__))
        ctx.exit()


@click.group(cls=Commands, context_settings=SETTINGS, no_args_is_help=True)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version and the accelerators in use.",
)
def program() -> None:
    """Turn one template and a list of items into a labelled batch of Kubernetes Jobs, and run it.

    Exit codes: 0 success, 1 some items failed or are invalid, 2 wrong usage or input, 3 wait timed out,
    130 interrupted.
    """


def main() -> None:
    """Run the program with the process's arguments. Raises SystemExit with the exit code."""
    sys.exit(_run_here())


def run_process() -> int:
    """As `main`, in a process of its own: it ends here where nothing is lost by not tidying up.

    Else gives the exit code.
    """
    code = _run_here()
    with suppress(KeyboardInterrupt, OSError):
        if _may_end_at_once():
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return code


def _run_here() -> int:
    if None in (sys.stdin, sys.stdout, sys.stderr):
        from expander.cli.output.terminal import open_closed_streams

        open_closed_streams()
    return run(sys.argv[1:])


def _may_end_at_once() -> bool:
    """Whether nothing is left to do but to give back memory and connections one by one: no thread is waited
    for, and nobody measures, traces or goes on with this interpreter.
    """
    if (threading := sys.modules.get("threading")) is not None:
        others = (each for each in threading.enumerate() if each is not threading.main_thread())
        if not all(each.daemon for each in others):
            return False
    monitoring = getattr(sys, "monitoring", None)
    if monitoring is not None and any(map(monitoring.get_tool, range(6))):
        return False
    return not (sys.getprofile() or sys.gettrace() or sys.flags.inspect)


def run(arguments: list[str]) -> int:
    """Run one command and give its exit code. Errors are printed to standard error, never raised."""
    with command_line(), told_to(say):
        return _run(arguments)


def _run(arguments: list[str]) -> int:
    try:
        if COMPLETE in os.environ:
            return _complete(arguments)
        code = program.main(arguments, prog_name=_called(), standalone_mode=False)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        return _misused(error)
    except ExpanderError as error:
        if not error.silent:
            show_error(error)
        return error.exit_code
    except OSError as error:
        return _refused(error)
    except SystemExit:  # click's answer when the reader of a help text is gone
        return CLOSED_PIPE
    except (KeyboardInterrupt, click.Abort):
        write_error("Interrupted\n")
        return 130
    return code if isinstance(code, int) else 0


def _misused(error: click.ClickException) -> int:
    """Tell what is wrong with the command line; a command without arguments shows its help instead."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        write_error(f"{error.format_message()}\n")
    else:
        from expander.cli.output.usage_errors import usage_error

        show_error(usage_error(error))
    return error.exit_code


def _refused(error: OSError) -> int:
    """Tell what the system refused; without a file it was to write a help text or the like."""
    from expander.sinks.stream import output_error

    if error.filename is not None:
        show_error(InputError(f"{error.filename}: {error.strerror}"))
    elif error.errno == errno.ENOENT:  # no write says so, but the system asked for the current folder
        show_error(InputError("the current folder has been removed", hint="cd to one that is there"))
    else:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is buffered cannot fail again
        show_error(output_error("write to", "standard output", error))
    return InputError.exit_code


def _called() -> str:
    """What the user typed to start this program."""
    return "kubectl expander" if os.path.basename(sys.argv[0]) == PLUGIN else "expander"


def _complete(arguments: list[str]) -> int:
    """Answer a shell that asks for completions; whatever goes wrong, nothing is printed."""
    from click.shell_completion import add_completion_class

    from expander.cli.options.complete_shells import SHELLS

    for shell in SHELLS.values():
        add_completion_class(shell)
    try:
        program.main(arguments, prog_name="expander", complete_var=COMPLETE, standalone_mode=False)
    except (Exception, SystemExit):
        return 0
    return 0
