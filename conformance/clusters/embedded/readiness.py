"""Waiting for the API server to be ready, without missing the death of a component meanwhile."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from pathlib import Path
from urllib.parse import urlsplit

from conformance.clusters.embedded.process import Supervisor
from conformance.errors import ClusterError

#: Seconds until the API server has to be ready. Three are usual; forty were seen with six other clusters on two cores.
LIMIT = 180.0
#: An API server that has bound its port and does not serve yet lets a connection hang: look away from it this often (seconds).
_PATIENCE = 0.25
#: Readiness cannot be watched; this long (seconds) between two questions.
_INTERVAL = 0.05
_NO_ANSWER = "no answer"


class Probe:
    """Asks an API server for /readyz, with the credentials of a kubeconfig that this suite wrote."""

    def __init__(self, kubeconfig: Path) -> None:
        config = json.loads(kubeconfig.read_text())
        cluster = config["clusters"][0]["cluster"]
        self._url = urlsplit(cluster["server"])
        self._context = ssl.create_default_context(cafile=cluster["certificate-authority"])
        self._headers = {"Authorization": f"Bearer {config['users'][0]['user']['token']}"}

    def ask(self) -> str:
        """Empty when it is ready, else why it is not."""
        connection = http.client.HTTPSConnection(str(self._url.hostname), self._url.port, timeout=_PATIENCE, context=self._context)
        try:
            connection.request("GET", "/readyz", headers=self._headers)
            response = connection.getresponse()
            text = response.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            return f"{_NO_ANSWER} ({error})"
        finally:
            connection.close()
        if response.status == http.client.OK:
            return ""
        return f"{response.status}: " + "; ".join(line for line in text.splitlines() if line.startswith("[-]"))


def wait(supervisor: Supervisor, probe: Probe, *, answering: bool = False, within: float = LIMIT) -> None:
    """Return when the API server is ready (or answers at all, be it that it is not ready yet).

    ComponentDied as soon as a component ends, ClusterError after `within` seconds.
    """
    end = time.monotonic() + within
    while why := probe.ask():
        if answering and not why.startswith(_NO_ANSWER):
            return
        if time.monotonic() > end:
            message = (
                f"The API server of the embedded cluster was not ready within {within:.3g} s; its last answer was: {why}. On a busy "
                f"machine fewer clusters at a time help, or --time-scale 3. {supervisor.excerpt('kube-apiserver')}"
            )
            raise ClusterError(message)
        supervisor.wait(_INTERVAL)
