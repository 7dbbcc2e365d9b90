"""Configure HAProxy before the web servers, and take one of them out of service for a restart."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Mapping
from pathlib import Path

from dev.cluster.keeper import Program

# The example of docs/scale.md, which explains each choice.
CONFIGURATION = """\
global
    maxconn 500
    stats socket {folder}/haproxy.sock mode 600 level admin
    # The longest request that can be sent to another server, if the first one fails.
    tune.bufsize 65536

defaults
    mode http
    option http-buffer-request
    option redispatch 1
    timeout connect 1s
    timeout client 60s
    timeout server 60s
    timeout queue 20s
    retries 4

frontend site
    bind 127.0.0.1:{port}
    # The site's server takes X_Forwarded_For for X-Forwarded-For.
    http-request del-header _ -m sub
    http-request set-header X-Forwarded-Proto https
    http-request set-header X-Forwarded-For %[src]
    # Only what may be sent twice: reads, what has a key, and Stripe's events, which have an id.
    http-request disable-l7-retry unless METH_GET || {{ req.hdr(Idempotency-Key) -m found }} || {{ path_beg {webhook} }}
    default_backend web

backend web
    balance leastconn
    retry-on conn-failure empty-response 503
    option httpchk
    http-check send meth GET uri /health/live hdr Host localhost
    default-server check inter 500ms fastinter 200ms fall 2 rise 1 observe layer4 error-limit 1 on-error mark-down
{servers}
"""
WEBHOOK = "/api/v1/billing/credits/webhook"
DRAIN_S = 30


class HAProxy:
    """One HAProxy before the web servers of ``servers``, by name with their ports."""

    def __init__(self, folder: Path, port: int, servers: Mapping[str, int]) -> None:
        self.folder = folder
        self.port = port
        path = find()
        folder.mkdir(parents=True, exist_ok=True)
        lines = "\n".join(f"    server {name} 127.0.0.1:{number}" for name, number in servers.items())
        file = folder / "haproxy.cfg"
        file.write_text(CONFIGURATION.format(folder=folder, port=port, webhook=WEBHOOK, servers=lines))
        self.program = Program([path, "-db", "-f", str(file)])

    def drain(self, server: str) -> None:
        """Send it no new requests, and wait until it has answered those it has."""
        self._command(f"set server web/{server} state drain")
        deadline = time.monotonic() + DRAIN_S
        while self._open_requests(server) and time.monotonic() < deadline:
            time.sleep(0.05)

    def use(self, server: str) -> None:
        """Send it requests again, and wait until its check has found it ready."""
        self._command(f"set server web/{server} state ready")
        deadline = time.monotonic() + DRAIN_S
        while self._columns(server)["status"] != "UP" and time.monotonic() < deadline:
            time.sleep(0.05)

    def _open_requests(self, server: str) -> int:
        return int(self._columns(server)["scur"])

    def _columns(self, server: str) -> dict[str, str]:
        names, *rows = self._command("show stat").strip().splitlines()
        for row in rows:
            columns = dict(zip(names.removeprefix("# ").split(","), row.split(","), strict=True))
            if (columns["pxname"], columns["svname"]) == ("web", server):
                return columns
        raise LookupError(server)

    def _command(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control:
            control.connect(str(self.folder / "haproxy.sock"))
            control.sendall(f"{command}\n".encode())
            answer = b"".join(iter(lambda: control.recv(65536), b""))
        return answer.decode()


def find() -> str:
    """Return HAProxy's path. Raises FileNotFoundError, saying how to get it."""
    path = shutil.which("haproxy", path="/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin")
    if path is None:
        raise FileNotFoundError("haproxy is missing. On Debian: apt install haproxy")
    return path
