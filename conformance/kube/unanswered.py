"""Why an API server gave no answer, and the way out, in a sentence: the transport's own words name neither.

Every way out is one that changes something: a certificate does not become right because the server runs.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator

#: OpenSSL's numbers (x509_vfy.h) of what a certificate can lack: its name, its address, its time.
_OTHER_NAME = (62, 64)
_NOT_YET, _EXPIRED = 9, 10


def why(error: BaseException, *, server: str, source: str, proxy: str = "") -> str:
    """What kept the answer away and what to do; `source` names the kubeconfig, `proxy` what the request went through."""
    import urllib3.exceptions as transport  # noqa: PLC0415 - loaded by the client anyway, which is imported lazily

    chain = list(_causes(error))
    for cause in chain:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _certificate(cause, server, source)
        if isinstance(cause, FileNotFoundError):
            return f"a file that {source} names, or that was made from it, is gone ({_said(cause)}); leave the run's files where they are"
        if isinstance(cause, transport.ProxyError):
            by = proxy or "of the environment"
            return f"the proxy {by} did not pass it on ({_said(cause)}); name the server in NO_PROXY, or mend the proxy"
        if isinstance(cause, transport.NameResolutionError):
            return f"the name of {server} is not known ({_said(cause)}); correct `server` in {source}, or mend this machine's name service"
    if any(isinstance(cause, ssl.SSLError) for cause in chain):
        return f"{server} does not speak TLS as an API server does ({_said(chain[-1])}); correct `server` in {source}"
    through = f", through the proxy {proxy}" if proxy else ""
    return f"{_said(chain[-1])}{through}; check that it runs and that {source} points at it"


def _certificate(error: ssl.SSLCertVerificationError, server: str, source: str) -> str:
    said = error.verify_message
    if error.verify_code in _OTHER_NAME:
        return f"the certificate of {server} is for another name ({said}); correct `server` in {source}, or set `tls-server-name` there"
    if error.verify_code in (_NOT_YET, _EXPIRED):
        return f"the certificate of {server} is not valid now ({said}); renew it, or set the clock of this machine"
    return (
        f"the certificate of {server} is not signed by the certificate-authority of {source} ({said}); take this cluster's kubeconfig anew"
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from, outermost first: urllib3 keeps it as `reason` or as an argument."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop(0)
        if not isinstance(one, BaseException) or one in seen:
            continue
        seen.append(one)
        yield one
        waiting += [getattr(one, "reason", None), getattr(one, "original_error", None), *one.args, one.__cause__, one.__context__]


def _said(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{type(error).__name__}: {error.strerror}"
    return f"{type(error).__name__}: {error}"
