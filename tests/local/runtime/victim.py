"""A program that runs containers until it is killed: `python victim.py FOLDER MARK RUNTIME`.

Some containers are short, some would run for minutes, some leave daemons behind. Every end it is told of
is a line of FOLDER/told.
"""

import os
import select
import sys
from pathlib import Path

from expander.local.runtime.runtime import Exit, Launch
from expander.local.runtime.select import select_runtime
from expander.local.runtime.supervisor_client import SupervisorClient

SCRIPTS = (
    "echo done",
    "sleep 0.01; echo done",
    "sleep 300 & sleep 300",
    "setsid sh -c 'sleep 300; :' >/dev/null 2>&1 & sleep 0.02; echo done",
    "(setsid sh -c 'trap : TERM HUP; sleep 300; :' &) ; sleep 300",
)


def main() -> None:
    """Run until killed."""
    folder, mark = Path(sys.argv[1]), sys.argv[2]
    supervisor = SupervisorClient(folder / "state", select_runtime(sys.argv[3])[0])
    with open(folder / "told", "a") as told:
        number = 0
        while True:
            for _ in range(3):
                script = SCRIPTS[number % len(SCRIPTS)]
                log = str(folder / f"{number}.log")
                supervisor.start(Launch(str(number), ["sh", "-c", script], {"MARK": mark}, log))
                number += 1
            select.select([supervisor], [], [], 0.01)
            for event in supervisor.read():
                if isinstance(event, Exit):
                    told.write(f"{event.key} {event.exit_code} {event.finished!r}\n")
            told.flush()
            os.sched_yield()


if __name__ == "__main__":
    main()
