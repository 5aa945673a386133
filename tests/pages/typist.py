"""Runs a command in a terminal of its own and types stdin there, a line at each prompt, as a person does."""

import os
import pty
import re
import sys
import termios

PROMPT = re.compile(rb"(?:[$#] |[^>]> )(?:\x1b\[[0-9?;]*[A-Za-z]|\r)*$")
"""What a shell or redis-cli ends its output with when it waits for a line."""
UNSEEN = b"try pressing enter."
"""What kubectl says when the prompt may have come before it did."""


def main() -> int:
    """The exit code of the command; what it prints goes to stdout."""
    process, terminal = pty.fork()
    if process == 0:
        os.execvp(sys.argv[1], sys.argv[1:])
    termios.tcsetwinsize(terminal, (24, 80))  # redis-cli asks terminals without a size for it
    tail = b""
    while True:
        try:
            data = os.read(terminal, 4096)
        except OSError:  # how Linux tells the end of a terminal
            break
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
        tail = (tail + data)[-80:]
        if UNSEEN in tail:
            typed = b"\n"
        elif not PROMPT.search(tail) or not (typed := sys.stdin.buffer.readline()):
            continue
        os.write(terminal, typed.replace(b"\n", b"\r"))
        tail = b""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


if __name__ == "__main__":
    sys.exit(main())
