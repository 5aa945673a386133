"""How the server of the local API starts."""

import subprocess
import sys

PROGRAM = """
import os, ssl, sys
os.environ["SSL_CERT_DIR"] = "/given"
os.environ.pop("SSL_CERT_FILE", None)
from expander.run.serve import import_aiohttp
assert "aiohttp" not in sys.modules
read = []
ssl.SSLContext.set_default_verify_paths = lambda self: read.append(os.environ["SSL_CERT_FILE"])
import_aiohttp()
assert "aiohttp" in sys.modules
print({*read}, os.environ["SSL_CERT_DIR"], "SSL_CERT_FILE" in os.environ)
"""


def test_no_certificates_of_the_system_are_read_for_a_client_that_is_not_used() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("{'/dev/null'} /given False\n", "")
