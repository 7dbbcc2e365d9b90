"""Run everything that a newcomer needs to buy a pack (`make demo`). Ctrl-C ends all of it."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn

import psycopg

from dev.database import connection_parameters, stop_embedded_when_last
from dev.demo_users import create_demo_users
from dev.keycloak import server as keycloak_server
from dev.keycloak.installing import KeycloakError, check_java
from dev.keycloak.realm import demo_realm
from dev.keycloak.server import Keycloak
from dev.processes import Process, Processes, answers

ROOT = Path(__file__).resolve().parent.parent
LOCAL = ROOT / ".local"
WEBHOOK_SECRET = "whsec_sandboxsandboxsandboxsandbox"
PATIENCE_S = 60
PROVIDERS = ("sandbox", "keycloak")


class DemoError(Exception):
    """Says in one line why the demo can't run, and what to do."""


class Interrupted(Exception):
    """Raised by Ctrl-C or a signal to end."""


def main() -> int:
    """Run until interrupted. Returns the exit status."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    processes = Processes(LOCAL / "log")
    try:
        Demo(processes).run()
    except Interrupted:
        print("\nStopping ...", flush=True)
        return 0
    except (DemoError, KeycloakError) as error:
        print(f"\n{error}", file=sys.stderr, flush=True)
        return 1
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        processes.stop_all()
        stop_embedded_when_last()


class Demo:
    """Takes the steps from a bare checkout to a running site."""

    def __init__(self, processes: Processes) -> None:
        self.processes = processes
        self.port = _port("PORT", 8000)
        self.sandbox_port = _port("SANDBOX_PORT", 8001)
        self.keycloak_port = _port("KEYCLOAK_PORT", 8002)
        self.with_keycloak = _provider() == "keycloak"
        self.url = f"http://localhost:{self.port}"
        self.sandbox_url = f"http://localhost:{self.sandbox_port}"
        self.environment = {
            "DJANGO_SETTINGS_MODULE": "config.settings.dev",
            "SITE_URL": self.url,
            "SANDBOX_URL": self.sandbox_url,
            "PYTHONUNBUFFERED": "1",
            "GRANIAN_BLOCKING_THREADS": "6",
        }
        self.step = 0
        self.steps = 8 if self.with_keycloak else 7

    def run(self) -> NoReturn:
        self._check_ports()
        if self.with_keycloak:
            check_java()
        self._say(
            "Starting the database" + ("" if os.environ.get("DATABASE_URL") else " (embedded PostgreSQL)")
        )
        _check_database()
        keycloak = self._launch_keycloak() if self.with_keycloak else None
        os.environ.update(self.environment)
        self._say("Starting the sandbox: a local Stripe" + ("" if keycloak else " and OpenID provider"))
        sandbox = self._start_sandbox()
        self._say("Migrating the database")
        _command("migrate", interactive=False, verbosity=0)
        self._say("Loading the catalogue and the rate card")
        _command("load_catalog", f"billing/packages/catalogs/{_catalog()}.toml", if_empty=True)
        _command("load_rates", "credits/rates/cards/demo.toml", if_empty=True)
        self._say("Syncing the catalogue to the local Stripe, and setting up its customer portal")
        wait_until_answers(sandbox, f"{self.sandbox_url}/_sandbox/clock", PATIENCE_S)
        _command("sync_catalog")
        _command("set_up_portal")
        self._say("Creating the demo users")
        _create_users()
        self._say("Starting the site and its worker")
        web = self._start_web()
        self._start_worker()
        wait_until_answers(web, f"{self.url}/health/live", PATIENCE_S)
        if keycloak:
            keycloak.wait_until_ready()
        self._welcome(keycloak)
        self._watch()

    def _check_ports(self) -> None:
        ports = {"PORT": self.port, "SANDBOX_PORT": self.sandbox_port}
        if self.with_keycloak:
            ports["KEYCLOAK_PORT"] = self.keycloak_port
        for name, port in ports.items():
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError as error:
                    raise DemoError(
                        f"Port {port} can't be used ({error.strerror}). Stop what uses it, "
                        f"or choose another one: make demo {name}={port + 10}"
                    ) from error

    def _launch_keycloak(self) -> Keycloak:
        """Start Keycloak, whose start takes longer than all others', and name it to the site as its provider."""
        self._say("Starting Keycloak, which the first time takes some minutes")
        keycloak = keycloak_server.launch(self.processes, self.keycloak_port, self.url, demo_realm())
        self.environment |= {"OIDC_ISSUER": keycloak.issuer, "OIDC_PROVIDER_NAME": "Keycloak"}
        return keycloak

    def _start_sandbox(self) -> Process:
        webhook = f"{self.url}/api/v1/billing/credits/webhook"
        command = [sys.executable, "-m", "sandbox", "--port", str(self.sandbox_port), "--app-url", self.url]
        command += ["--state", str(LOCAL / "sandbox"), "--webhook-url", webhook]
        command += ["--webhook-secret", WEBHOOK_SECRET, "--webhook-events", ",".join(_wanted_events())]
        return self.processes.start("sandbox", command, self.environment)

    def _start_web(self) -> Process:
        command = [sys.executable, "-m", "granian", "--interface", "wsgi", "config.wsgi:application"]
        command += ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        return self.processes.start("web", command, self.environment)

    def _start_worker(self) -> Process:
        command = [sys.executable, "manage.py", "run_worker"]
        return self.processes.start("worker", command, self.environment)

    def _watch(self) -> NoReturn:
        while True:
            ended = self.processes.ended()
            if ended:
                raise DemoError(f"The {ended.name} ended by itself:\n{ended.last_lines()}")
            time.sleep(0.5)

    def _say(self, text: str) -> None:
        self.step += 1
        print(f"[{self.step}/{self.steps}] {text} ...", flush=True)

    def _welcome(self, keycloak: Keycloak | None) -> None:
        lines = [
            f"\nReady: {self.url}",
            "Sign in as buyer, buyer2, staff or staff2 (the password is the name). Pay with card 4242 4242 4242 4242.",
            f"Admin: {self.url}/admin/   API: {self.url}/api/docs/   Local Stripe: {self.sandbox_url}",
            f"Mail is saved in {LOCAL / 'mail'}, logs in {LOCAL / 'log'}. Ctrl-C ends everything.",
        ]
        if keycloak:
            lines[2:2] = [
                f"Sign in with Keycloak: {self.url}/oidc/authenticate/   Its issuer: {keycloak.issuer}",
                f"Its console: {keycloak.url}/admin/ (admin, password admin)   Service: service (service)",
            ]
        print("\n".join(lines), flush=True)


def interrupt(number: int, frame: FrameType | None) -> None:
    raise Interrupted


def _port(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise DemoError(f"{name}={text} is not a port. Choose a number from 1 to 65535.")
    return int(text)


def _provider() -> str:
    name = os.environ.get("OIDC") or "sandbox"
    if name not in PROVIDERS:
        raise DemoError(f"OIDC={name}: choose {' or '.join(PROVIDERS)}.")
    return name


def _catalog() -> str:
    name = os.environ.get("CATALOG") or "demo"
    if not (ROOT / "billing" / "packages" / "catalogs" / f"{name}.toml").exists():
        raise DemoError(f"CATALOG={name}: there is no billing/packages/catalogs/{name}.toml.")
    return name


def _command(name: str, *arguments: str, **options: object) -> None:
    """Run one of manage.py's commands in this process, which saves starting Django for each."""
    from django.core.management import CommandError, call_command

    _set_up_django()
    try:
        call_command(name, *arguments, **options, stdout=_Indented())
    except CommandError as error:
        raise DemoError(f"{name} failed: {error}") from error


def _wanted_events() -> tuple[str, ...]:
    """Return the events that the webhook endpoint sends, so that `check_stripe` finds the demo ready."""
    _set_up_django()
    from billing.setup.webhook_events import WANTED_EVENTS

    return WANTED_EVENTS


def _set_up_django() -> None:
    import django
    from django.apps import apps

    if not apps.ready:
        django.setup()


def _create_users() -> None:
    for line in create_demo_users():
        _Indented().write(f"{line}\n")


class _Indented:
    """Indents standard output below the step's line."""

    def write(self, text: str) -> None:
        sys.stdout.write("".join(f"      {line}" for line in text.splitlines(keepends=True)))

    def flush(self) -> None:
        sys.stdout.flush()

    def isatty(self) -> bool:
        return False


def wait_until_answers(process: Process, url: str, patience_s: float) -> None:
    """Return once the process answers over HTTP. Raises `DemoError` if it ends or takes too long."""
    if not wait_until_answers_at(url, patience_s, lambda: process.popen.poll() is None):
        raise DemoError(f"The {process.name} did not start:\n{process.last_lines()}")


def wait_until_answers_at(url: str, patience_s: float, runs: Callable[[], bool]) -> bool:
    """Wait until ``url`` answers. Returns False if it doesn't in time, or its process no longer runs."""
    deadline = time.monotonic() + patience_s
    while not answers(url):
        if not runs() or time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def free_port() -> int:
    """Return a port that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _check_database() -> None:
    """Start the embedded server, or check that the one of DATABASE_URL can be reached."""
    try:
        psycopg.connect(
            **connection_parameters(os.environ.get("DATABASE_URL", "")), connect_timeout=5
        ).close()
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[-1]
        raise DemoError(
            f"The database can't be reached: {reason}\n"
            "Check DATABASE_URL, or unset it to use the embedded PostgreSQL."
        ) from error


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Interrupted:
        sys.exit(0)
