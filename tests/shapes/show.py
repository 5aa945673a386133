"""What a container of the tests runs: it says what it was given, as one line of JSON."""

import json
import os
import sys

MADE_BY_MACHINE = ("HOSTNAME", "HOME", "PATH", "JOB_COMPLETION_INDEX", "LC_CTYPE")
env = {
    name: value
    for name, value in os.environ.items()
    if name not in MADE_BY_MACHINE and not name.startswith(("EXPANDER_", "KUBERNETES_"))
}
print(json.dumps({"argv": sys.argv[1:], "env": env}, sort_keys=True), flush=True)
