"""The tests that kr8s ships in its wheel, with the server in the place of the cluster that they would make."""

import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import kr8s
import pytest
from jobs import done


class Cluster:
    """What the tests use of pytest-kind's cluster."""

    kubectl_path = "kubectl"
    kubeconfig_path = Path(os.environ["KUBECONFIG"])

    def kubectl(self, *words: str) -> str:
        return subprocess.run([self.kubectl_path, *words], capture_output=True, text=True, check=True).stdout


class Plugin:
    """The fixtures that are not in the wheel, and a count of what passed."""

    def __init__(self) -> None:
        self.passed = self.all = 0

    @pytest.fixture(scope="session")
    def k8s_cluster(self) -> Cluster:
        return Cluster()

    @pytest.fixture
    def ensure_gc(self) -> Iterator[None]:
        """The classes that another test made are gone, as `get_class` finds all there are."""
        gc.collect()
        yield
        gc.collect()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or (report.when == "setup" and report.failed):
            self.all += not report.skipped
            self.passed += report.passed


counted = Plugin()
for module in sys.argv[1:] or ["test_objects", "test_api"]:
    counted.passed = counted.all = 0
    options = ["-q", "--tb=short", "-o", "asyncio_mode=auto", "--timeout=60", "-p", "no:cacheprovider"]
    pytest.main([*options, "--pyargs", f"kr8s.tests.{module}"], plugins=[counted])
    done(f"kr8s {module}: {counted.passed} of {counted.all} of its own tests", kr8s.__version__)
