"""A proxy in front of a real MLflow server that answers some requests itself, as wrong addresses and ingresses do."""

import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Rule = Callable[[str, str, int], int | None]  # method, path, bytes -> the status to answer; None: pass it on
NOT_PASSED_ON = ("host", "content-length", "connection", "transfer-encoding", "accept-encoding")


@dataclass
class Proxy:
    """A proxy's address, its present rule, and the requests that it answered itself."""

    address: str
    rule: Rule
    answered: list[str] = field(default_factory=list)


@contextmanager
def proxy(server: str, rule: Rule) -> Iterator[Proxy]:
    """Starts a proxy; a status of 200 is the lie that a request was fulfilled."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self._body()
            status = found.rule(self.command, self.path, len(body))
            if status is None:
                self._pass_on(body)
            else:
                found.answered.append(f"{self.command} {self.path}")
                self._answer(status, b"{}" if status == 200 else b"")

        do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def _pass_on(self, body: bytes) -> None:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in NOT_PASSED_ON}
            request = urllib.request.Request(server + self.path, body or None, headers, method=self.command)
            try:
                with urllib.request.urlopen(request) as reply:
                    self._answer(reply.status, reply.read())
            except urllib.error.HTTPError as error:
                self._answer(error.code, error.read())

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        found = Proxy(f"http://127.0.0.1:{listening.server_port}", rule)
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        try:
            yield found
        finally:
            listening.shutdown()
            thread.join()
