"""What a submission asks of a server first, all of it at once, while the rest of the program is loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from expander.base.errors import ClusterError, StatusError, Unreachable
from expander.client.ahead import Ahead
from expander.client.client import ApiClient
from expander.client.quotas import LimitsReader
from expander.client.retry import Retry
from expander.client.transport import Transport
from expander.kube.workloads import JOB
from expander.submit.options import SubmitOptions

FIRST_ANSWER_SECONDS: Final = 1.0
"""How long the server has for its first answer before it is said that it does not answer."""

SERVER_WAIT_SECONDS: Final = 20.0
"""How long a server that does not answer is waited for."""

STOP_POLL_SECONDS: Final = 0.1
"""How soon an interrupted submission ends while its server is silent."""


class Opening:
    """The connection to a cluster, and the first questions to it; a `Submitter` goes on with it.

    ``namespace`` is where most objects go, None for that of the context. ``api`` retries as long as the
    options say, unless ``stopped``; ``limits_of`` reads the limits of a namespace. Raises InputError when no
    cluster is configured.
    """

    def __init__(self, options: SubmitOptions, namespace: str | None = None) -> None:
        self._retry = options.retry
        self._resumes = options.resume
        self.transport = Transport(options.kubeconfig, options.context)
        self.namespace = namespace or self.transport.namespace
        self.stopped: Callable[[], bool] = lambda: False
        self.api = self._client(self._retry)
        self.limits_of = LimitsReader(self._client(self._capped(SERVER_WAIT_SECONDS)))
        self._version: Ahead[None] | None = None

    def begin(self) -> None:
        """Ask, in threads; once."""
        if self._version is None:
            self._version = Ahead(lambda: self._get_version(FIRST_ANSWER_SECONDS))
            Ahead(lambda: self.api.resource(JOB.row.api_version, JOB.row.kind))
            if not self._resumes:
                Ahead(lambda: self.limits_of(self.namespace))

    def check(self, say: Callable[[str], None]) -> None:
        """Wait for a server that does not answer at once, and say so.

        Raises ClusterError when it does not answer at all, also until this is ``stopped``, or does not accept
        the credentials.
        """
        self.begin()
        assert self._version is not None
        try:
            self._wait_for(self._version)
        except Unreachable as error:
            patience = min(SERVER_WAIT_SECONDS, self._retry.budget)
            if patience <= FIRST_ANSWER_SECONDS or error.is_permanent or self.stopped():
                raise
            say(f"{error}; waiting up to {patience:.0f} s for it")
            self._wait_for(Ahead(lambda: self._get_version(patience)))
        except StatusError as error:  # it is there, though it may not tell its version to everybody
            if error.code == 401:
                raise
        except ClusterError:  # it is there, and busy
            self.api.get("/version")

    def _wait_for(self, answer: Ahead[None]) -> None:
        while not answer.wait(STOP_POLL_SECONDS):
            if self.stopped():
                raise Unreachable(f"{self.transport.server} had not answered when this was interrupted")
        answer.result()

    def _get_version(self, seconds: float) -> None:
        self._client(self._capped(seconds)).get("/version")

    def _client(self, retry: Retry) -> ApiClient:
        return ApiClient(self.transport, retry, lambda: self.stopped())

    def _capped(self, budget: float) -> Retry:
        return replace(self._retry, budget=min(budget, self._retry.budget))
