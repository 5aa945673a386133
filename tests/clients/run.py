"""Run the scripts of this folder, each with its library in an environment of its own, against a fresh server.

    python tests/clients/run.py [NAME...] [--folder DIR]

The environments are kept in DIR, ~/.cache/kube-expander/clients unless told otherwise; what is below /tmp no
container sees. It installs packages, so it is no part of the tests. The exit code is 1 when one fails.
"""

import argparse
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path

CLIENTS = {
    "kubernetes_client": ["kubernetes"],
    "kubernetes_asyncio_client": ["kubernetes-asyncio"],
    "kr8s_client": ["kr8s"],
    "kr8s_suite": [
        *("kr8s", "httpx-ws<0.9", "pytest", "pytest-asyncio", "pytest-timeout", "trio"),
        *("kubernetes<37", "kubernetes-asyncio", "lightkube", "pykube-ng"),  # some tests take their objects
    ],
    "lightkube_client": ["lightkube"],
    "pykube_client": ["pykube-ng"],
    "snakemake_executor": [
        "snakemake",
        "snakemake-executor-plugin-kubernetes",
        "snakemake-storage-plugin-fs",
    ],
    "airflow_operator": ["apache-airflow-providers-cncf-kubernetes"],
    "dask_operator": ["dask-kubernetes", "distributed"],
}
"""The packages that each script needs; snakemake's file storage needs the program ``rsync`` too, and the image
of a web server, in which tests of kr8s write, the program ``busybox`` (Debian's busybox-static)."""
HERE = Path(__file__).parent
EXPANDER = Path(sys.executable).parent / "expander"
PAGES = "usr/share/nginx/html"


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
        subprocess.run([*server, *options, *nginx(Path(scratch))], check=True, capture_output=True)
        environment = {**os.environ, "KUBECONFIG": str(config), "HOME": scratch}
        system = "kubectl run -n kube-system pause --image=pause".split()  # no cluster has none there
        subprocess.run(system, check=True, capture_output=True, env=environment)
        try:
            ran = subprocess.run([binaries / "python", HERE / f"{name}.py"], cwd=scratch, env=environment)
        finally:
            subprocess.run([*server, "stop"], check=True, capture_output=True)
    return not ran.returncode


def nginx(folder: Path) -> list[str]:
    """The options for the image nginx: busybox's web server and tools, or a command where there is no busybox."""
    busybox = shutil.which("busybox")
    if busybox is None:
        return ["--image-command", "nginx=python3 -m http.server 80"]
    sys.path.insert(0, str(HERE.parents[1]))
    from tests.local.images.archives import docker_archive

    applets = subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True).stdout.split()
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        tar.add(busybox, "bin/busybox")
        for name in {*applets} - {"busybox"}:
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        page = tarfile.TarInfo(f"{PAGES}/index.html")
        tar.addfile(page, io.BytesIO())
    command = ["sh", "-c", f"exec httpd -f -p $(hostname -i):80 -h /{PAGES}"]
    tags = ["nginx:latest"]
    return ["--image", f"nginx={docker_archive(folder / 'nginx.tar', [layer.getvalue()], tags, Cmd=command)}"]


if __name__ == "__main__":
    sys.exit(main())
