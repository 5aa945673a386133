"""Run the scripts of this folder, each with its library in an environment of its own, against a fresh server.

    python tests/clients/run.py [NAME...] [--folder DIR]

The environments are kept in DIR, ~/.cache/kube-expander/clients unless told otherwise; what is below /tmp no
container sees. It installs packages, so it is no part of the tests. The exit code is 1 when one fails.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

CLIENTS = {
    "kubernetes_client": ["kubernetes"],
    "kubernetes_asyncio_client": ["kubernetes-asyncio"],
    "kr8s_client": ["kr8s"],
    "kr8s_suite": [
        *("kr8s", "pytest", "pytest-asyncio", "pytest-timeout", "trio"),
        *("kubernetes", "kubernetes-asyncio", "lightkube", "pykube-ng"),  # some tests take their objects
    ],
    "lightkube_client": ["lightkube"],
    "pykube_client": ["pykube-ng"],
    "snakemake_executor": [
        "snakemake",
        "snakemake-executor-plugin-kubernetes",
        "snakemake-storage-plugin-fs",
    ],
    "airflow_operator": ["apache-airflow-providers-cncf-kubernetes"],
}
"""The packages that each script needs; snakemake's file storage needs the program ``rsync`` too."""
HERE = Path(__file__).parent
EXPANDER = Path(sys.executable).parent / "expander"
NGINX = "nginx=python3 -m http.server 80"
"""What the tests of kr8s take for a web server."""


def main() -> int:
    parser = argparse.ArgumentParser(description="client libraries against expander serve")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CLIENTS))
    parser.add_argument("--folder", type=Path, default=Path.home() / ".cache/kube-expander/clients")
    given = parser.parse_args()
    if unknown := set(given.names) - set(CLIENTS):
        parser.error(f"no such client: {', '.join(sorted(unknown))}")
    failed = [name for name in given.names or CLIENTS if not works(name, given.folder / name)]
    for name in failed:
        print(f"{name}: failed")
    return bool(failed)


def works(name: str, folder: Path) -> bool:
    """Install what the script needs unless it is there, and run it."""
    binaries = folder / "bin"
    if not (folder / "ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([binaries / "python", "-m", "pip", "install", "-q", *CLIENTS[name]], check=True)
        (folder / "ready").touch()
    with tempfile.TemporaryDirectory() as scratch:
        config = Path(scratch, "kubeconfig")
        server = [EXPANDER, "serve", "--state", f"{scratch}/state"]
        path = f"{binaries}:/usr/bin:/bin"
        options = ["--detach", "--kubeconfig", config, "--use-context", "--env", f"PATH={path}"]
        subprocess.run([*server, *options, "--image-command", NGINX], check=True, capture_output=True)
        environment = {**os.environ, "KUBECONFIG": str(config), "HOME": scratch}
        system = "kubectl run -n kube-system pause --image=pause".split()  # no cluster has none there
        subprocess.run(system, check=True, capture_output=True, env=environment)
        try:
            ran = subprocess.run([binaries / "python", HERE / f"{name}.py"], cwd=scratch, env=environment)
        finally:
            subprocess.run([*server, "stop"], check=True, capture_output=True)
    return not ran.returncode


if __name__ == "__main__":
    sys.exit(main())
