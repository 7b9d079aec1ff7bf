"""The Kubernetes API as this suite uses it: raw JSON over the connection that the official client sets up.

The client's part is what is hard to get right: kubeconfig, credentials, certificates and proxies. Its typed models
stay out: they are slow, they reject fields that they do not know, and their shape changes with each major version.
"""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import urlencode, urlsplit

import msgspec
import tenacity

from conformance.errors import ApiError, ClusterError, UsageError
from conformance.kube import impersonation
from conformance.kube.unanswered import why

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

PatchKind = Literal["merge", "strategic", "json", "apply"]
_PATCH_TYPES: dict[str, str] = {
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "json": "application/json-patch+json",
    "apply": "application/apply-patch+yaml",  # JSON is YAML
}
#: Five watches (more when they are by namespace), and the threads that act on nodes.
_CONNECTIONS = 64
_CONNECT_TIMEOUT = 10.0
_READ_TIMEOUT = 60.0


class _Again(Exception):
    """A failure that may go away by itself; `error` is what to raise if it does not."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class Api:
    """Requests to one API server; safe to use from several threads.

    A request that the server refuses raises ApiError; one that did not reach it, or got no answer, ClusterError.
    Transport errors and answers 429 and 5xx are tried again for `patience` seconds where that cannot do a thing twice.
    """

    def __init__(self, client: Any, *, source: str = "", patience: float = 15.0, headers: Sequence[tuple[str, str]] = ()) -> None:
        self._client = client
        self._pool = client.rest_client.pool_manager
        self._configuration = client.configuration
        self._source = source
        self._headers = headers
        self.patience = patience
        self._closed = False

    @classmethod
    def connect(
        cls, kubeconfig: Path, context: str | None = None, *, patience: float = 15.0, source: str = "", scratch: Path | None = None
    ) -> Api:
        """Connect as this kubeconfig says, as whom it impersonates too. The file is only read; no other kubeconfig is looked at.

        `source` is its name in messages. `scratch` is a private folder (default: the file's own) for certificates and keys that the
        kubeconfig holds: the connection wants them as files. They go with the folder, also when this process is killed.
        """
        from kubernetes import client, config  # noqa: PLC0415 - costs half a second, and many commands need no cluster

        if not Path(kubeconfig).is_file():
            raise UsageError(f"there is no kubeconfig at {kubeconfig}; check the path")
        configuration = client.Configuration()
        configuration.connection_pool_maxsize = _CONNECTIONS
        try:
            config.load_kube_config(  # type: ignore[no-untyped-call]
                config_file=str(kubeconfig),
                context=context,
                persist_config=False,
                client_configuration=configuration,
                temp_file_path=str(scratch or Path(kubeconfig).absolute().parent),
            )
        except config.ConfigException as error:
            where = f"context {context!r} of " if context else ""
            raise UsageError(f"{where}{kubeconfig} cannot be used: {error}; check it with `kubectl config view`") from error
        if is_loopback(configuration.host):
            configuration.proxy = None
        return cls(
            client.ApiClient(configuration),
            source=source or str(kubeconfig),
            patience=patience,
            headers=impersonation.headers(Path(kubeconfig), context),
        )

    @property
    def server(self) -> str:
        """The URL of the API server."""
        return str(self._configuration.host)

    @property
    def anonymous(self) -> bool:
        """Whether requests carry no credentials at all, so that the server takes them for those of `system:anonymous`."""
        headers = [setting["value"] for setting in self._configuration.auth_settings().values() if setting["in"] == "header"]
        return not self._configuration.cert_file and not any(headers)

    @property
    def kubeconfig(self) -> str:
        """The path of the kubeconfig it was made from, for messages that say how to look for oneself."""
        return self._source

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """One object."""
        return self._request("GET", path, query)

    def list(self, path: str, **query: str) -> dict[str, Any]:
        """A collection, as the List that the API returns."""
        return self._request("GET", path, query)

    def create(self, path: str, body: Mapping[str, Any], **query: str) -> dict[str, Any]:
        """POST to a collection or subresource."""
        return self._request("POST", path, query, body)

    def replace(self, path: str, body: Mapping[str, Any], **query: str) -> dict[str, Any]:
        """PUT an object; with a metadata.resourceVersion, only if it is still the current one."""
        return self._request("PUT", path, query, body)

    def patch(self, path: str, body: Any, *, kind: PatchKind = "merge", **query: str) -> dict[str, Any]:
        """PATCH an object; `json` takes a list of operations, `apply` wants a fieldManager in the query."""
        return self._request("PATCH", path, query, body, content_type=_PATCH_TYPES[kind])

    def delete(self, path: str, body: Mapping[str, Any] | None = None, **query: str) -> dict[str, Any]:
        """DELETE an object or a collection; `body` is DeleteOptions. Returns the object or a Status, as the API."""
        return self._request("DELETE", path, query, body)

    def stream(self, path: str, *, read_timeout: float, **query: str) -> BaseHTTPResponse:
        """A response whose body has not been read, for watches; never tried again, closed by the caller.

        `read_timeout` is the longest silence, in seconds.
        """
        response = self._send("GET", path, query, read_timeout=read_timeout)
        if response.status >= 300:
            with contextlib.closing(response):
                raise _refusal(response.status, _read(response))
        return response

    def version(self) -> str:
        """The server's gitVersion."""
        return str(self.get("/version")["gitVersion"])

    def close(self) -> None:
        """Give the connections back. Whoever still asks is refused at once, and nothing is tried again: the cluster has been ended."""
        self._closed = True
        self._pool.clear()

    def _request(
        self, method: str, path: str, query: Mapping[str, str], body: Any = None, content_type: str = "application/json"
    ) -> dict[str, Any]:
        encoded = None if body is None else msgspec.json.encode(body)
        # What may be sent again although nobody knows whether it took effect the first time.
        repeatable = method in ("GET", "PUT", "DELETE") or (method == "PATCH" and content_type != _PATCH_TYPES["json"])
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_Again),
            wait=tenacity.wait_random_exponential(multiplier=0.05, max=1.0),
            stop=tenacity.stop_after_delay(self.patience),
            reraise=True,
        )
        unanswered = False

        def attempt() -> dict[str, Any]:
            nonlocal unanswered
            try:
                status, data = self._exchange(method, path, query, encoded, content_type)
            except Closed:
                raise
            except _NotSentError as error:
                raise _Again(error) from error
            except ClusterError as error:
                unanswered = True
                if repeatable:
                    raise _Again(error) from error
                raise
            if status < 300:
                return _decode(data)
            refusal = _refusal(status, data)
            if status == 429 or (status >= 500 and repeatable):
                raise _Again(refusal)
            if method == "DELETE" and status == 404 and unanswered:
                return {"kind": "Status", "status": "Success"}  # the attempt that got no answer did it
            raise refusal

        try:
            return retrying(attempt)
        except _Again as again:
            raise again.error from again.__cause__

    def _exchange(self, method: str, path: str, query: Mapping[str, str], body: bytes | None, content_type: str) -> tuple[int, bytes]:
        response = self._send(method, path, query, body, content_type=content_type)
        try:
            data = _read(response)
        except BaseException:
            response.close()
            raise
        response.release_conn()
        return response.status, data

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: bytes | None = None,
        *,
        content_type: str = "",
        read_timeout: float = _READ_TIMEOUT,
    ) -> BaseHTTPResponse:
        import urllib3  # noqa: PLC0415 - loaded by the client anyway, which is imported lazily

        if self._closed:
            raise Closed(f"{method} {path} was not sent: the cluster at {self.server} has been ended")
        headers = urllib3.HTTPHeaderDict({"Accept": "application/json", "User-Agent": "daemonset-conformance"})
        for name, value in self._headers:
            headers.add(name, value)  # one line for each group: they may hold commas
        if body is not None:
            headers["Content-Type"] = content_type
        # Asked for each request: credential plugins renew their tokens there.
        for setting in self._configuration.auth_settings().values():
            if setting["in"] == "header" and setting["value"]:
                headers[setting["key"]] = setting["value"]
        url = self.server + path + ("?" + urlencode(query) if query else "")
        try:
            response = self._pool.request(
                method,
                url,
                body=body,
                headers=headers,
                timeout=urllib3.Timeout(connect=_CONNECT_TIMEOUT, read=read_timeout),
                retries=False,
                preload_content=False,
            )
        except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError) as error:
            raise _NotSentError(self._unanswered(method, path, error)) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ClusterError(self._unanswered(method, path, error)) from error
        return cast("BaseHTTPResponse", response)

    def _unanswered(self, method: str, path: str, error: Exception) -> str:
        reason = why(error, server=self.server, source=self._source or "the kubeconfig", proxy=str(self._configuration.proxy or ""))
        return f"{method} {path} got no answer from the API server at {self.server}: {reason}"


def is_loopback(server: str) -> bool:
    """Whether a URL names this machine: no request to it goes through a proxy, as with kubectl (Go's http.ProxyFromEnvironment)."""
    host = urlsplit(server).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Closed(ClusterError):
    """The connection was given up, because its cluster has been ended or is used by this process no more."""


class NotAnApiServer(ClusterError):
    """Something answers there, and it is not an API server."""


class _NotSentError(ClusterError):
    """The request never left this machine, so that any method may be sent again."""


def _read(response: BaseHTTPResponse) -> bytes:
    import urllib3  # noqa: PLC0415

    try:
        return response.read()
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise ClusterError(f"the API server's answer broke off ({type(error).__name__}: {error}); check that it runs") from error


def _decode(data: bytes) -> dict[str, Any]:
    try:
        decoded = msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        raise NotAnApiServer(f"it answers with what is no JSON ({_start(data)})") from error
    return decoded if isinstance(decoded, dict) else {"value": decoded}


def _start(data: bytes) -> str:
    """The beginning of what is not for machines, in one line."""
    return " ".join(data[:400].decode("utf-8", "replace").split())[:100]


def _refusal(code: int, data: bytes) -> ApiError:
    """What a Status that is a failure says; proxies and early start-up answer with plain text instead."""
    try:
        status = msgspec.json.decode(data)
    except msgspec.DecodeError:
        status = None
    if not isinstance(status, dict):
        return ApiError(code, "", _start(data) or "no body")
    details = status.get("details") or {}
    return ApiError(code, status.get("reason", ""), status.get("message", ""), details.get("causes"))
