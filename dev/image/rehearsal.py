"""Rehearse the image's life: set up, started, probed, bought from, spent on, and stopped while it works."""

from __future__ import annotations

import re
import secrets
import shlex
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from dev.image.base import ROOT, ImageTestError
from dev.image.compose import read_service
from dev.image.neighbours import Neighbours
from dev.image.podman import Output, Podman
from dev.image.visitor import Answer, Visitor

Act = Callable[[], Iterable[str] | None]
READY_WITHIN_S = 60
API = "/api/v1/billing/credits"
PERSON = "rehearsal"
# Docker kills after 10 seconds what is given no longer; most is left of this when the signal comes.
STRIPE_TAKES_S = 14
SIGNAL_AFTER_S = 2
# Both compare the address with the sandbox's, which reaches the site without a proxy.
OF_THE_SITES_ADDRESS = ("set_up_portal", "check_stripe")
WANTED_EVENTS = """
import django; django.setup()
from billing.setup.webhook_events import WANTED_EVENTS
print(",".join(WANTED_EVENTS))
"""
NEW_CLIENT = """
from accounts.clients.api_keys import create_key
from accounts.clients.models import ApiClient
from credits.ledger.models import Account
client = ApiClient.objects.create(name="Rehearsal", scopes=["read", "spend"])
print("KEY", create_key(client, name="rehearsal").secret, Account.objects.get().pk)
"""


class Rehearsal:
    """Everything that is tried with the image, in order; ``acts`` names each."""

    def __init__(self, podman: Podman, folder: Path) -> None:
        self.podman = podman
        self.neighbours = Neighbours(folder)
        self.environment = self.neighbours.environment
        self.visitor = Visitor(self.neighbours.port)
        self.password = secrets.token_urlsafe(12)
        self.running: set[str] = set()

    def __enter__(self) -> Self:
        settings = {"DJANGO_SETTINGS_MODULE": "config.settings.build"}
        said = must_succeed(self.podman.run(read_service("web"), settings, ["python", "-c", WANTED_EVENTS]))
        self.neighbours.start(said.text.split()[-1])
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for name in sorted(self.running):
            if kind is not None:
                print(f"-- the end of the log of {name}:\n{self.podman.logs(name)[-3000:]}", flush=True)
            self.podman.remove(name)
        self.neighbours.stop()

    def acts(self) -> list[tuple[str, Act]]:
        return [
            ("Checking what must not be in it", self.check_contents),
            ("Migrating an empty database", self.migrate),
            ("Taking the steps of docs/go-live.md's first start", self.take_first_steps),
            ("Starting the site and the worker as compose.yaml does", self.start_both),
            ("Probing it", self.probe),
            ("Trying what nobody may in there", self.try_the_forbidden),
            ("Buying a package", self.buy),
            ("Spending over the API", self.spend),
            ("Waiting for the worker's email", self.wait_for_email),
            ("Stopping the site while it answers", lambda: self.stop_web(init=True)),
            ("The same as process 1, as in Kubernetes", lambda: self.stop_web(init=False)),
            ("Stopping the worker at work", lambda: self.stop_worker(init=True)),
            ("The same as process 1, as in Kubernetes", lambda: self.stop_worker(init=False)),
        ]

    # --- Set up -----------------------------------------------------------------------------------------------

    def check_contents(self) -> Iterable[str]:
        about = self.podman.inspect_image()
        expect(about["User"] == "10001:10001", f"It runs as {about['User']}.")
        expect(about["Healthcheck"]["Test"][0] == "CMD", "It has no health check that is a command.")
        kept_out = [
            "sandbox",
            "dev",
            "tests",
            "config/settings/dev.py",
            "config/settings/test.py",
            ".env",
            ".git",
        ]
        kept_out += ["locale/de/LC_MESSAGES/django.po"]
        tried = self.in_a_container("sh", "-c", f"ls -d {' '.join(kept_out)} 2>/dev/null; true")
        expect(not tried.text.strip(), f"In the image, and shouldn't be: {tried.text.split()}")
        for module in ("pip", "setuptools", "pytest"):
            found = self.in_a_container("python", "-c", f"import {module}")
            expect(found.status == 1 and "ModuleNotFoundError" in found.text, f"{module} can be imported.")
        compiled = self.in_a_container("sh", "-c", "ls locale/*/LC_MESSAGES/django.mo | wc -l")
        expect(int(compiled.text) >= 4, "Translations are missing.")
        yield f"{compiled.text.strip()} translations; neither tests nor pip"

    def in_a_container(self, *command: str) -> Output:
        return self.podman.run(read_service("web"), self.environment, command)

    def migrate(self) -> None:
        service = read_service("migrate")
        early = self.in_a_container("python", "manage.py", "migrate", "--check")
        expect(early.status == 1, "An empty database passes as migrated.")
        must_succeed(self.podman.run(service, self.environment, service.command))
        must_succeed(self.in_a_container("python", "manage.py", "migrate", "--check"))

    def take_first_steps(self) -> Iterable[str]:
        for command in first_steps():
            more = {}
            if command[2] in OF_THE_SITES_ADDRESS:
                more = {"SITE_URL": f"http://127.0.0.1:{self.neighbours.port}"}
            must_succeed(self.podman.run(read_service("web"), {**self.environment, **more}, command))
            yield " ".join(command)

    # --- Started ----------------------------------------------------------------------------------------------

    def start_both(self) -> Iterable[str]:
        self.start("worker")
        yield f"ready after {self.start('web'):.1f} s"

    def start(self, name: str, init: bool = True) -> float:
        """Start web or worker. Returns after how many seconds the site was ready."""
        began = time.monotonic()
        self.podman.start(name, read_service(name), self.environment, init)
        self.running.add(name)
        if name == "web":
            wait_until(self.is_ready, READY_WITHIN_S, "the site is ready")
        return time.monotonic() - began

    def is_ready(self) -> bool:
        try:
            return self.visitor.get("/health/ready").status == 200
        except OSError:
            return False

    def probe(self) -> None:
        self.visitor.get("/health/live").must_be(200)
        _kind, *health_check = self.podman.inspect_image()["Healthcheck"]["Test"]
        must_succeed(self.podman.exec("web", *health_check))
        self.visitor.get("/health/live", Host="other.example.com").must_be(400)
        expect(
            self.visitor.get("/credits/", X_Forwarded_Proto="http").must_be(301).headers["Location"]
            == f"{self.environment['SITE_URL']}/credits/",
            "It doesn't redirect to HTTPS.",
        )
        # Prometheus asks each server by its own address.
        address, token = f"127.0.0.1:{self.neighbours.port}", f"Bearer {self.neighbours.metrics_token}"
        self.visitor.get("/metrics", Host=address).must_be(401)
        metrics = self.visitor.get("/metrics", Host=address, Authorization=token).must_be(200).text
        expect("django_http_requests_total" in metrics, "The metrics have no requests.")

    def try_the_forbidden(self) -> None:
        for path in ("/app/x", "/app/config/x", "/opt/venv/x", "/x", "/run/x"):
            expect(self.podman.exec("web", "touch", path).status != 0, f"It can write {path}.")
        must_succeed(self.podman.exec("web", "touch", "/tmp/x"))  # noqa: S108 - the container's
        status = self.podman.exec("web", "cat", "/proc/self/status").text
        said = dict(re.findall(r"^(\w+):\s+(\S+)", status, re.MULTILINE))
        expect(said["Uid"] == "10001", f"It runs as {said['Uid']}.")
        expect(int(said["CapBnd"], 16) == 0, f"It may get the capabilities {said['CapBnd']}.")
        expect(said["NoNewPrivs"] == "1", "It may get new privileges.")

    # --- Used -------------------------------------------------------------------------------------------------

    def buy(self) -> Iterable[str]:
        command = ["python", "manage.py", "createsuperuser", "--no-input", f"--username={PERSON}"]
        told = {**self.environment, "DJANGO_SUPERUSER_PASSWORD": self.password}
        email = f"--email={PERSON}@example.com"
        must_succeed(self.podman.run(read_service("web"), told, [*command, email]))
        self.visitor.sign_in(PERSON, self.password)
        page = self.visitor.get("/credits/").must_be(200)
        for path in re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text):
            self.visitor.get(path).must_be(200)
        session = self.order().must_be(200, 201).json()["session_id"]
        self.neighbours.control(f"checkout/sessions/{session}/pay", {"card": "4242424242424242"})
        wait_until(lambda: self.balance() > 0, READY_WITHIN_S, "the webhook credits the purchase")
        yield f"{self.balance():g} credits"

    def order(self) -> Answer:
        package = self.visitor.get(f"{API}/packages").must_be(200).json()[0]
        code = package.get("code") or package["package_code"]
        return self.visitor.post_json(
            f"{API}/purchase", {"package_code": code}, Idempotency_Key=secrets.token_hex(8)
        )

    def balance(self) -> float:
        return float(self.visitor.get(f"{API}/balance").must_be(200).json()["balance"])

    def spend(self) -> None:
        made = must_succeed(self.podman.exec("web", "python", "manage.py", "shell", "-c", NEW_CLIENT))
        found = re.search(r"^KEY (\S+) (\S+)$", made.text, re.MULTILINE)
        if found is None:
            raise ImageTestError(f"No key: {made.text}")
        key, account = found.groups()
        before = self.balance()
        for _repeated in range(2):
            self.visitor.post_json(
                "/api/v1/credits/spends",
                {"account": account, "amount": "1.5"},
                Authorization=f"Bearer {key}",
                Idempotency_Key="job-1",
            ).must_be(201, 200)
        expect(self.balance() == before - 1.5, "The spend was not counted once.")

    def wait_for_email(self) -> None:
        wait_until(lambda: self.jobs("billing.send_confirmation", "succeeded") == 1, 60, "the email is sent")
        expect(f"To: {PERSON}@example.com" in self.podman.logs("worker"), "There is no email in the log.")

    def jobs(self, task: str, status: str) -> int:
        query = "SELECT count(*) FROM procrastinate_jobs WHERE task_name LIKE %s AND status::text = %s"
        return int(self.neighbours.value(query, [task, status]))

    # --- Stopped ----------------------------------------------------------------------------------------------

    def stop_web(self, init: bool) -> Iterable[str]:
        """Send SIGTERM in the middle of a purchase: it is answered, and the process ends in time."""
        if not init:
            self.start("web", init=False)
        self.slow_stripe_down("POST", "/v1/checkout/sessions")
        # A proxy keeps connections, on which nothing may come for long.
        with ThreadPoolExecutor(1) as thread, self.visitor.idle_connection():
            order = thread.submit(self.order)
            time.sleep(SIGNAL_AFTER_S)
            expect(not order.done(), "The request didn't wait for Stripe, so nothing runs while it stops.")
            yield from self.stop("web")
            order.result().must_be(200, 201)
        yield "the request that ran was answered"

    def stop_worker(self, init: bool) -> Iterable[str]:
        """Send SIGTERM in the middle of a job: it is completed, and the process ends in time."""
        if init:
            self.start("web")  # for the webhooks whose jobs the worker is to run
        else:
            self.start("worker", init=False)
        done = self.jobs("billing.mirror_event", "succeeded")
        wait_until(lambda: self.jobs("%", "doing") == 0, 60, "the worker is idle")
        self.slow_stripe_down("GET", "/v1/*")
        self.neighbours.control("payments", {"amount": 4500})
        wait_until(lambda: self.jobs("billing.mirror_event", "doing") > 0, 60, "a job runs")
        yield from self.stop("worker")
        expect(self.jobs("%", "doing") == 0, "It left a job in the middle.")
        finished = self.jobs("billing.mirror_event", "succeeded") - done
        expect(finished > 0, "The job wasn't completed.")
        yield "the jobs that ran were completed"

    def stop(self, name: str) -> Iterable[str]:
        began = time.monotonic()
        status = self.podman.stop(name, read_service(name).grace_s)  # 137: it was killed
        took_s = time.monotonic() - began
        log = self.podman.logs(name)
        expect(status == 0, f"{name} ended with {status} after {took_s:.1f} s:\n{log[-2000:]}")
        self.podman.remove(name)
        self.running.discard(name)
        self.neighbours.control("faults", {}, method="DELETE")
        yield f"ended by itself {took_s:.1f} s after SIGTERM"

    def slow_stripe_down(self, method: str, path: str) -> None:
        """Have Stripe take its time for the next call of a route."""
        delay = {"delay_ms": STRIPE_TAKES_S * 1000, "times": 1}
        self.neighbours.control("faults", {"method": method, "path": path, **delay})


def first_steps() -> list[list[str]]:
    """Return the commands that docs/go-live.md names for a first start, after migrating."""
    section = (ROOT / "docs/go-live.md").read_text().split("\n## First start\n", 1)[1]
    commands = [
        shlex.split(line) for line in section.split("```")[1].split("\n") if line.startswith("python ")
    ]
    if [command[2] for command in commands][:1] != ["migrate"]:
        raise ImageTestError(
            "docs/go-live.md: the first start has no commands, or doesn't begin with migrate."
        )
    return commands[1:]


def must_succeed(output: Output) -> Output:
    if output.status:
        raise ImageTestError(f"It ended with {output.status}:\n{output.text[-4000:]}")
    return output


def expect(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise ImageTestError(otherwise)


def wait_until(is_so: Callable[[], bool], patience_s: float, what: str) -> None:
    deadline = time.monotonic() + patience_s
    while not is_so():
        if time.monotonic() > deadline:
            raise ImageTestError(f"Not within {patience_s:g} s: {what}.")
        time.sleep(0.2)
