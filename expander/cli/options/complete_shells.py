"""What shells are told to complete words, and how they ask: the scripts for bash and zsh, and fish's way.

A word that may go on (``csv:``, ``threads=``, ``data/``) is not followed by a blank. bash takes words apart
at ``:`` and ``=``, so that it gets the part behind them; the others get whole words, ``--option=`` included.
"""

from __future__ import annotations

import os
from typing import Any, Final

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    split_arg_string,
)

from expander.base.regex import regex

OPEN: Final = (":", "=", "/")
"""How words end that may go on."""

_BREAKS: Final = (":", "=")
_SPECIAL: Final = regex(r"([^\w@%+=:,./~-])")
"""Characters of a file's name that bash does not take as they are."""

BASH: Final = r"""
%(complete_func)s() {
    local kind value word=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=()
    while IFS=, read -r kind value; do
        case $kind in
            file) compopt -o default ;;
            dir) compopt -o dirnames ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done < <(COMP_WORDS="${COMP_LINE:0:COMP_POINT}" COMP_WORD="$word" %(complete_var)s=bash_complete "$1")
    if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[:=/] ]]; then compopt -o nospace; fi
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""

ZSH: Final = r"""#compdef %(prog_name)s
%(complete_func)s() {
    local kind value help
    local -a response closed open described
    (( $+commands[%(prog_name)s] )) || return 1
    local -x COMP_WORDS="${(j: :)words[1,CURRENT]}" COMP_CWORD=$((CURRENT - 1))
    response=("${(@f)$(%(complete_var)s=zsh_complete %(prog_name)s)}")
    for kind value help in $response; do
        case $kind in
            file) _path_files -f ;;
            dir) _path_files -/ ;;
            plain) if [[ $help != _ ]]; then described+=("$value:$help")
                elif [[ $value == *[:=/] ]]; then open+=("$value")
                else closed+=("$value")
                fi ;;
        esac
    done
    (( $#described )) && _describe -V unsorted described -U
    (( $#closed )) && compadd -U -V unsorted -a closed
    (( $#open )) && compadd -U -V unsorted -S '' -a open
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""


class _WholeWords(ShellComplete):
    """Gives words as the shell has them: with ``--option=`` where click completes the value alone."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[Any]]:
        option, equals, _ = incomplete.partition("=")
        found = super().get_completions(args, incomplete)
        if equals and option.startswith("--"):
            for item in found:
                item.value = f"{option}={item.value}"
        return found


class Zsh(_WholeWords, ZshComplete):
    source_template = ZSH


class Fish(_WholeWords, FishComplete):
    """With fish's own script, which adds no blank behind words that may go on."""


class Bash(_WholeWords, BashComplete):
    source_template = BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        self._kept, self._quoted = 0, False
        words = split_arg_string(os.environ["COMP_WORDS"])[1:]
        begun = os.environ["COMP_WORD"]
        if not begun:
            return words, ""
        incomplete = words.pop() if words else ""
        self._quoted = begun[0] in "'\""
        if begun in _BREAKS:
            self._kept = len(incomplete)
        elif incomplete.endswith(begun):
            self._kept = len(incomplete) - len(begun)
        return words, incomplete

    def format_completion(self, item: CompletionItem[str]) -> str:
        value = str(item.value)[self._kept :]
        if not self._quoted:
            value = _SPECIAL.sub(r"\\\1", value)
        return f"{item.type},{value}"


SHELLS: Final[dict[str, type[ShellComplete]]] = {"bash": Bash, "zsh": Zsh, "fish": Fish}
