"""An API server for Jobs with the manners of the real one: versions, pages, watches, conflicts, throttling.

It speaks HTTP in this process and keeps what it is told. Nothing runs: a test plays the Job controller by `finish`,
`fail` and `remove`. Every change has a resourceVersion; a watch replays what is newer than its own, and one older than
what `compact` left is told 410 Gone, by an ERROR event as in life.
"""

from __future__ import annotations

import copy
import json
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from kubernetes import client

NAMESPACE = "visage"
TEMPLATE = {
    "metadata": {"labels": {"team": "films"}},
    "spec": {
        "containers": [{"name": "render", "image": "registry.example.com/visage/composition@sha256:0", "args": ["x"]}],
        "restartPolicy": "Never",
    },
}


class KubernetesApi:
    """The server; a context manager. `requests` lists (method, path without query) of all requests."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self.jobs: dict[str, dict[str, Any]] = {}
        self.version = 100
        self.oldest = 0
        self.page_limit = 1000
        self.refusal: tuple[int, str] | None = None
        self.lingers = False
        self._throttled: list[int] = []
        self._events: list[tuple[int, str, dict[str, Any]]] = []
        self._lost_tokens = False
        self._closing = False
        self.changed = threading.Condition()
        self._http = _Server(self)

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with self.changed:
            self._closing = True
            self.changed.notify_all()
        self._http.shutdown()
        self._http.server_close()

    def client(self) -> client.ApiClient:
        configuration = client.Configuration()
        configuration.host = f"http://127.0.0.1:{self._http.server_port}"
        configuration.retries = False
        return client.ApiClient(configuration)

    @property
    def is_closing(self) -> bool:
        return self._closing

    def count(self, method: str, ending: str = "") -> int:
        return sum(one == method and path.endswith(ending) for one, path in self.requests)

    def throttle(self, times: int, retry_after_s: int = 0) -> None:
        """The next requests are answered 429 with Retry-After."""
        self._throttled += [retry_after_s] * times

    def take_throttle(self) -> int | None:
        return self._throttled.pop(0) if self._throttled else None

    def lose_list_tokens(self) -> None:
        """The next continue token is too old."""
        self._lost_tokens = True

    def take_lost_token(self) -> bool:
        was_lost, self._lost_tokens = self._lost_tokens, False
        return was_lost

    def compact(self) -> None:
        """Forgets all events so far: watches from here on must be newer. Open ones are ended."""
        with self.changed:
            self.version += 1
            self.oldest = self.version
            self._events.clear()
            self.changed.notify_all()

    def put(self, name: str, labels: dict[str, str]) -> None:
        """A Job that somebody else made."""
        self.add({"metadata": {"name": name, "labels": labels}, "spec": {"template": TEMPLATE}})

    def add(self, body: dict[str, Any]) -> dict[str, Any]:
        job = {"apiVersion": "batch/v1", "kind": "Job", **copy.deepcopy(body)}
        job["metadata"] |= {"uid": str(uuid.uuid4()), "namespace": NAMESPACE}
        job["status"] = {"active": 0 if job["spec"].get("suspend") else 1}
        self.jobs[job["metadata"]["name"]] = job
        self._change("ADDED", job)
        return job

    def finish(self, name: str) -> None:
        self._condition(name, "Complete", "CompletionsReached", "")

    def fail(self, name: str, reason: str, message: str) -> None:
        self._condition(name, "Failed", reason, message)

    def _condition(self, name: str, kind: str, reason: str, message: str) -> None:
        job = self.jobs[name]
        condition = {"type": kind, "status": "True", "reason": reason, "message": message}
        job["status"] = {"conditions": [condition]}
        self._change("MODIFIED", job)

    def mark_going(self, name: str) -> None:
        self.jobs[name]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        self._change("MODIFIED", self.jobs[name])

    def remove(self, name: str) -> None:
        """Gone for good, as after an unkind `kubectl delete`."""
        self._change("DELETED", self.jobs.pop(name))

    def _change(self, kind: str, job: dict[str, Any]) -> None:
        with self.changed:
            self.version += 1
            job["metadata"]["resourceVersion"] = str(self.version)
            self._events.append((self.version, kind, copy.deepcopy(job)))
            self.changed.notify_all()

    def events_after(self, version: int) -> list[tuple[int, str, dict[str, Any]]]:
        return [event for event in self._events if event[0] > version]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, api: KubernetesApi) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.api = api


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def handle_one(self, method: str) -> None:
        api = self.server.api
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else {}
        api.requests.append((method, url.path))
        retry_after = api.take_throttle()
        if retry_after is not None:
            self._answer(429, _status(429, "TooManyRequests", "slow down"), {"Retry-After": str(retry_after)})
            return
        parts = url.path.strip("/").split("/")
        if parts[:2] == ["api", "v1"]:
            self._template(parts[-1])
        elif method == "POST":
            self._create(body)
        elif parts[-1] != "jobs":
            self._one(method, parts[-1], body)
        elif query.get("watch") in ("true", "True"):
            self._watch(int(query["resourceVersion"]), float(query.get("timeoutSeconds", "30")))
        else:
            self._list(query)

    def do_GET(self) -> None:
        self.handle_one("GET")

    def do_POST(self) -> None:
        self.handle_one("POST")

    def do_DELETE(self) -> None:
        self.handle_one("DELETE")

    def log_message(self, *_: object) -> None:
        pass

    def _template(self, name: str) -> None:
        if name != "render":
            self._answer(404, _status(404, "NotFound", f'podtemplates "{name}" not found'))
            return
        body = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": name}, "template": TEMPLATE}
        self._answer(200, body)

    def _create(self, body: dict[str, Any]) -> None:
        api = self.server.api
        if api.refusal is not None:
            self._answer(api.refusal[0], _status(api.refusal[0], "Forbidden", api.refusal[1]))
        elif body["metadata"]["name"] in api.jobs:
            self._answer(409, _status(409, "AlreadyExists", "it exists"))
        else:
            self._answer(201, api.add(body))

    def _one(self, method: str, name: str, body: dict[str, Any]) -> None:
        api = self.server.api
        job = api.jobs.get(name)
        if job is None:
            self._answer(404, _status(404, "NotFound", f'jobs.batch "{name}" not found'))
        elif method == "GET":
            self._answer(200, job)
        elif body.get("preconditions", {}).get("uid", job["metadata"]["uid"]) != job["metadata"]["uid"]:
            self._answer(409, _status(409, "Conflict", "the UID in the precondition is another one"))
        elif api.lingers:
            api.mark_going(name)
            self._answer(200, job)
        else:
            assert body.get("propagationPolicy") == "Background"
            api.remove(name)
            self._answer(200, _status(200, "", "deleted"))

    def _list(self, query: dict[str, str]) -> None:
        api = self.server.api
        if "continue" in query and api.take_lost_token():
            self._answer(410, _status(410, "Expired", "The provided continue parameter is too old"))
            return
        label = query["labelSelector"]
        names = sorted(name for name, job in api.jobs.items() if label in job["metadata"].get("labels", {}))
        start = int(query.get("continue", "0"))
        end = start + min(int(query["limit"]), api.page_limit)
        metadata = {"resourceVersion": str(api.version)} | ({"continue": str(end)} if end < len(names) else {})
        items = [api.jobs[name] for name in names[start:end]]
        self._answer(200, {"apiVersion": "batch/v1", "kind": "JobList", "metadata": metadata, "items": items})

    def _watch(self, version: int, limit_s: float) -> None:
        api = self.server.api
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        end_s = time.monotonic() + limit_s
        while not api.is_closing:
            with api.changed:
                if version < api.oldest:
                    self._event("ERROR", _status(410, "Expired", f"too old resource version: {version}"))
                    break
                waiting = api.events_after(version)
                if not waiting and not api.changed.wait(min(0.2, max(0.0, end_s - time.monotonic()))):
                    if time.monotonic() >= end_s:
                        break
                    continue
            for number, kind, job in waiting:
                self._event(kind, job)
                version = number
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def _event(self, kind: str, body: dict[str, Any]) -> None:
        line = json.dumps({"type": kind, "object": body}).encode() + b"\n"
        self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
        self.wfile.flush()

    def _answer(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for key, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _status(code: int, reason: str, message: str) -> dict[str, Any]:
    kind = "Success" if code < 300 else "Failure"
    return {"apiVersion": "v1", "kind": "Status", "status": kind, "code": code, "reason": reason, "message": message}
