"""A stand-in for an API server on loopback: every answer to a list or watch is scripted, so that streams can end in every way they do."""

from __future__ import annotations

import json
import queue
import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml

#: Far longer than anything here takes; a test that reaches it has failed.
LIMIT = 20.0

Json = dict[str, Any]


def obj(name: str, rv: int, *, namespace: str = "ns", uid: str = "", **more: Any) -> Json:
    meta = {"name": name, "namespace": namespace, "uid": uid or f"uid-{name}", "resourceVersion": str(rv)}
    meta["managedFields"] = [{"manager": "somebody"}]  # type: ignore[assignment]
    meta.update(more.pop("metadata", {}))
    return {"metadata": {key: value for key, value in meta.items() if value}, **more}


def listing(rv: int, *items: Json) -> Json:
    return {"kind": "List", "metadata": {"resourceVersion": str(rv)}, "items": list(items)}


def event(kind: str, thing: Json) -> bytes:
    return json.dumps({"type": kind, "object": thing}).encode() + b"\n"


def bookmark(rv: int) -> bytes:
    return event("BOOKMARK", {"metadata": {"resourceVersion": str(rv)}})


def gone(message: str = "too old resource version") -> Json:
    return {"kind": "Status", "status": "Failure", "code": 410, "reason": "Expired", "message": message}


@dataclass
class Stream:
    """The answer to one watch: these chunks, then `ending`; a silent one keeps the connection open until the server stops."""

    chunks: list[bytes] = field(default_factory=list)
    ending: str = "silent"  # "silent", "clean", "cut"


@dataclass
class Refusal:
    """An answer with a failure status."""

    status: int
    body: Json


Answer = Json | Stream | Refusal


class StandIn:
    """Serves scripted answers by path; the last answer to lists is repeated, an unscripted watch is silent."""

    def __init__(self) -> None:
        self.requests: queue.SimpleQueue[tuple[str, str, dict[str, str]]] = queue.SimpleQueue()
        self.headers: list[list[tuple[str, str]]] = []
        self.stopping = threading.Event()
        self.handler: Callable[[str, str, Json | None], tuple[int, Json] | None] = lambda method, path, body: None
        self._lists: dict[str, list[Answer]] = {}
        self._watches: dict[str, queue.SimpleQueue[Answer]] = {}
        self._live: dict[str, queue.SimpleQueue[bytes]] = {}
        self._lock = threading.Lock()
        standin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

            def do_GET(self) -> None:
                standin.headers.append(self.headers.items())
                standin._get(self)

            def _write(self) -> None:
                standin.headers.append(self.headers.items())
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                answer = standin.handler(self.command, urlsplit(self.path).path, body) or (404, {"reason": "NotFound"})
                _send(self, *answer)

            do_POST = do_PUT = do_PATCH = do_DELETE = _write  # noqa: N815

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def kubeconfig(self, folder: Path) -> Path:
        file = folder / "kubeconfig"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": self.url}}],
            "users": [{"name": "u", "user": {"token": "secret"}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        }
        file.write_text(yaml.safe_dump(config))
        return file

    def lists(self, path: str, *answers: Answer) -> None:
        """Script the answers to lists of this path."""
        with self._lock:
            self._lists[path] = list(answers)

    def watches(self, path: str, *answers: Answer) -> None:
        """Script the answers to the next watches of this path."""
        for answer in answers:
            self._queue_of(self._watches, path).put(answer)

    def say(self, path: str, *chunks: bytes) -> None:
        """Send chunks on the silent stream of this path, now or when it is open."""
        for chunk in chunks:
            self._queue_of(self._live, path).put(chunk)

    def close(self) -> None:
        self.stopping.set()
        for live in list(self._live.values()):
            live.put(b"")
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    def _queue_of(self, table: dict[str, queue.SimpleQueue[Any]], path: str) -> queue.SimpleQueue[Any]:
        with self._lock:
            return table.setdefault(path, queue.SimpleQueue())

    def _get(self, request: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        query = dict(parse_qsl(parts.query))
        kind = "watch" if query.get("watch") else "list"
        self.requests.put((kind, parts.path, query))
        answer: Answer
        if kind == "list":
            answered = self.handler("GET", parts.path, None)
            if answered is not None:
                _send(request, *answered)
                return
            with self._lock:
                script = self._lists.get(parts.path) or [listing(1)]
                answer = script.pop(0) if len(script) > 1 else script[0]
        else:
            try:
                answer = self._queue_of(self._watches, parts.path).get_nowait()
            except queue.Empty:
                answer = Stream()
        if isinstance(answer, Stream):
            self._stream(request, parts.path, answer)
        elif isinstance(answer, Refusal):
            _send(request, answer.status, answer.body)
        else:
            _send(request, 200, answer)

    def _stream(self, request: BaseHTTPRequestHandler, path: str, stream: Stream) -> None:
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        try:
            _chunks(request, stream.chunks)
            live = self._queue_of(self._live, path)
            while stream.ending == "silent" and not self.stopping.is_set():
                _chunks(request, [live.get()])
            if stream.ending == "cut":
                request.wfile.write(b"ff\r\nhalf a line")
                request.wfile.flush()
                request.connection.shutdown(socket.SHUT_RDWR)
            else:
                request.wfile.write(b"0\r\n\r\n")
        except OSError:
            pass  # the watch has gone
        request.close_connection = True


def _chunks(request: BaseHTTPRequestHandler, chunks: Iterable[bytes]) -> None:
    for chunk in chunks:
        if chunk:
            request.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
            request.wfile.flush()


def _send(request: BaseHTTPRequestHandler, status: int, body: Json) -> None:
    data = json.dumps(body).encode()
    request.send_response(status)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(data)))
    request.end_headers()
    request.wfile.write(data)
