"""`make demo`, as a newcomer runs it: in a copy of the checkout, with ports and data of its own."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from dev.demo import free_port
from tests.support.demos import RunningDemo, alive, copy_checkout, demo_environment, running_demo

PATIENCE_S = 120


def run_briefly(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A demo that is expected to refuse at once."""
    return subprocess.run(
        [sys.executable, "-m", "dev.demo"],
        cwd=checkout,
        env={**demo_environment(free_port(), free_port()), **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


def sign_in(url: str, name: str) -> requests.Session:
    session = requests.Session()
    page = session.get(f"{url}/accounts/login/", timeout=20)
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert found
    form = {"csrfmiddlewaretoken": found[1], "username": name, "password": name}
    answer = session.post(f"{url}/accounts/login/", data=form, headers={"Referer": url}, timeout=20)
    assert answer.url == f"{url}/credits/", answer.text[:500]
    session.headers.update({"X-CSRFToken": session.cookies["credits_csrf"] or "", "Referer": url})
    return session


def buy_by_api(demo: RunningDemo, session: requests.Session) -> None:
    api = f"{demo.url}/api/v1/billing/credits"
    started = session.post(f"{api}/purchase", json={"package_code": "starter"}, timeout=20)
    assert started.status_code == 201, started.text
    session_id = started.json()["session_id"]
    pay = f"{demo.sandbox_url}/_sandbox/checkout/sessions/{session_id}/pay"
    assert requests.post(pay, json={"card": "4242424242424242"}, timeout=20).ok
    deadline = time.monotonic() + 10
    while session.get(f"{api}/balance", timeout=20).json()["balance"] == 0:
        assert time.monotonic() < deadline, "the webhook did not arrive"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_checkout(tmp_path_factory.mktemp("demo"))


def test_a_newcomer_can_buy_and_ctrl_c_ends_every_process_and_a_second_start_keeps_the_data(
    checkout: Path, tmp_path: Path
) -> None:
    with running_demo(checkout) as demo:
        assert f"Ready: {demo.url}" in demo.said
        assert re.search(r"^\[7/7\]", demo.said, re.MULTILINE), "each step is announced"
        buy_by_api(demo, sign_in(demo.url, "buyer"))
        checked = check_stripe(checkout, demo)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        family = demo.family()
        assert len(family) >= 3
        assert wait_for_mail(checkout), "the confirmation is saved where a newcomer can read it"
    assert demo.process.returncode == 0
    assert not alive(family)
    assert not (checkout / ".local" / "postgres" / "postmaster.pid").exists(), "the database ended too"

    with running_demo(checkout) as again, running_demo(copy_checkout(tmp_path)) as beside:
        assert "there already" in again.said
        assert sign_in(again.url, "staff").get(f"{again.url}/admin/", timeout=20).status_code == 200
        assert balance_of_buyer(again) == 1000
        assert balance_of_buyer(beside) == 0, "a copy in another folder has its own data"


def balance_of_buyer(demo: RunningDemo) -> int:
    answer = sign_in(demo.url, "buyer").get(f"{demo.url}/api/v1/billing/credits/balance", timeout=20)
    balance: int = answer.json()["balance"]
    return balance


def check_stripe(checkout: Path, demo: RunningDemo) -> subprocess.CompletedProcess[str]:
    """What a newcomer is told who runs the check of go-live.md beside the demo."""
    settings = {
        "DJANGO_SETTINGS_MODULE": "config.settings.dev",
        "SITE_URL": demo.url,
        "SANDBOX_URL": demo.sandbox_url,
    }
    return subprocess.run(
        [sys.executable, "manage.py", "check_stripe"],
        cwd=checkout,
        env={**demo_environment(0, 0), **settings},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


def wait_for_mail(checkout: Path) -> bool:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        mails = list((checkout / ".local" / "mail").glob("*.log"))
        if any("1,000 credits" in mail.read_text() for mail in mails):
            return True
        time.sleep(0.2)
    return False


def test_a_port_in_use_is_one_clear_line(checkout: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = run_briefly(checkout, PORT=str(port))
    assert refused.returncode == 1
    assert f"Port {port} can't be used" in refused.stderr
    assert "make demo PORT=" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_port_that_is_no_number_is_one_clear_line(checkout: Path) -> None:
    refused = run_briefly(checkout, SANDBOX_PORT="eighty")
    assert refused.returncode == 1
    assert refused.stderr.strip() == "SANDBOX_PORT=eighty is not a port. Choose a number from 1 to 65535."


def test_a_provider_that_is_unknown_or_misses_java_is_one_clear_line(checkout: Path) -> None:
    refused = run_briefly(checkout, OIDC="okta")
    assert (refused.returncode, refused.stderr.strip()) == (1, "OIDC=okta: choose sandbox or keycloak.")
    refused = run_briefly(checkout, OIDC="keycloak", JAVA_HOME="/nowhere")
    assert refused.returncode == 1
    assert refused.stderr.strip().startswith("/nowhere/bin/java is missing. Keycloak needs Java 17 or newer.")


def test_a_database_that_cannot_be_reached_is_a_clear_error(checkout: Path) -> None:
    refused = run_briefly(
        checkout, DATABASE_URL=f"postgresql://nobody:secret-word@127.0.0.1:{free_port()}/none"
    )
    assert refused.returncode == 1
    assert "The database can't be reached" in refused.stderr
    assert "DATABASE_URL" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert "secret-word" not in refused.stderr + refused.stdout


def connect_to_embedded(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    script = "import psycopg; from dev.database import embedded_url; psycopg.connect(embedded_url()).close()"
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=checkout,
        env={**demo_environment(1, 2), **environment},
        capture_output=True,
        text=True,
    )


def test_the_database_leaves_nothing_in_the_shared_folder_that_shuts_out_another_user(
    checkout: Path, tmp_path: Path
) -> None:
    tried = connect_to_embedded(checkout, TMPDIR=str(tmp_path))
    assert tried.returncode == 0, tried.stderr
    assert not (tmp_path / ".lockfile").exists()


def test_the_database_starts_in_a_folder_whose_path_is_too_long_for_a_socket(tmp_path: Path) -> None:
    deep = copy_checkout(
        tmp_path / "a-rather-long-name" / "of-a-folder" / "inside-another-one" / "and-yet-another"
    )
    tried = connect_to_embedded(deep)
    assert tried.returncode == 0, tried.stderr
    assert len(str(deep / ".local" / "postgres" / ".s.PGSQL.5432")) > 107


def test_a_python_that_is_too_old_is_one_clear_line(checkout: Path) -> None:
    script = (
        "import runpy, sys, os; sys.version_info = (3, 9, 2, 'final', 0); os.environ['PATH'] = '/nowhere';"
        "sys.argv = ['dev/bootstrap.py']; runpy.run_path('dev/bootstrap.py', run_name='__main__')"
    )
    refused = subprocess.run([sys.executable, "-c", script], cwd=checkout, capture_output=True, text=True)
    assert refused.returncode == 1
    assert len(refused.stderr.strip().splitlines()) == 1
    assert "needs Python 3.11 or newer" in refused.stderr
    assert "3.9" in refused.stderr


def ended_process_id() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_reset_throws_the_data_away_and_refuses_while_the_demo_runs(tmp_path: Path) -> None:
    checkout = copy_checkout(tmp_path)
    (checkout / ".local" / "postgres").mkdir(parents=True)
    lock = checkout / ".local" / "postgres" / "postmaster.pid"
    lock.write_text(f"{os.getpid()}\n")
    command = [sys.executable, "dev/reset.py"]
    environment = demo_environment(1, 2)
    refused = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "End the demo" in refused.stderr
    lock.write_text(f"{ended_process_id()}\n")  # left behind by a crash: no reason to refuse
    for wish, status in (("--help", 0), ("--hlep", 2)):
        asked = subprocess.run(
            [*command, wish], cwd=checkout, env=environment, capture_output=True, text=True
        )
        assert (asked.returncode, lock.exists()) == (status, True)
    assert subprocess.run(command, cwd=checkout, env=environment).returncode == 0
    assert not (checkout / ".local").exists()
