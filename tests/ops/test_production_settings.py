"""Production starts only when it is set up, and says in one line what is missing."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path

import psycopg
import pytest

from core.database.time_limits import with_network_limits
from tests.ops.production import ENVIRONMENT, SECRET_KEY, STRIPE_KEY, manage, run, values_of

REQUIRED = ("SECRET_KEY", "ALLOWED_HOSTS", "SITE_URL", "DATABASE_URL", "DEFAULT_FROM_EMAIL")


def test_a_sound_environment_passes_the_deployment_check_without_a_warning() -> None:
    result = manage("check", "--deploy", "--fail-level", "WARNING")
    assert result.returncode == 0, result.stderr
    assert "no issues (0 silenced)" in result.stdout + result.stderr


@pytest.mark.parametrize("name", REQUIRED)
def test_an_empty_variable_is_named_in_one_line(name: str) -> None:
    result = manage("check", **{name: ""})
    assert result.returncode == 1
    assert result.stderr == f"Can't start: Not set in the environment: {name}. See docs/go-live.md.\n"


def test_all_missing_variables_are_named_in_one_line() -> None:
    result = manage("check", without=tuple(ENVIRONMENT))
    assert all(name in result.stderr for name in REQUIRED)
    assert len(result.stderr.splitlines()) == 1


def test_what_is_refused_is_said_without_the_secret() -> None:
    result = manage("check", STRIPE_WEBHOOK_SECRET_CREDITS="whsec_placeholder-placeholder-1")
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "placeholder-placeholder" not in result.stderr
    assert STRIPE_KEY not in result.stderr
    assert SECRET_KEY not in result.stderr


def test_debug_cannot_be_turned_on() -> None:
    assert values_of("settings.DEBUG", DEBUG="true") == [False]


def test_the_mail_server_is_read_from_its_url() -> None:
    read = values_of(
        "settings.EMAIL_BACKEND",
        "settings.EMAIL_HOST",
        "settings.EMAIL_PORT",
        "settings.EMAIL_HOST_USER",
        "settings.EMAIL_HOST_PASSWORD",
        "settings.EMAIL_USE_TLS",
        EMAIL_URL="smtp+tls://user:p%40ss@smtp.example.com:587",
    )
    backend = "django.core.mail.backends.smtp.EmailBackend"
    assert read == [backend, "smtp.example.com", 587, "user", "p@ss", True]


def test_a_mail_provider_takes_the_servers_place() -> None:
    backend = "anymail.backends.postmark.EmailBackend"
    read = values_of(
        "settings.EMAIL_BACKEND",
        "settings.ANYMAIL",
        EMAIL_BACKEND=backend,
        ANYMAIL="POSTMARK_SERVER_TOKEN=a-token",
    )
    assert read == [backend, {"POSTMARK_SERVER_TOKEN": "a-token"}]


def test_secrets_of_both_variables_are_accepted_while_one_is_rotated() -> None:
    new, old, third = (f"whsec_{letter}9aBcDeFgHiJkLmNoPqRsTuV" for letter in "nop")
    read = values_of(
        "settings.STRIPE_WEBHOOK_SECRETS",
        STRIPE_WEBHOOK_SECRET_CREDITS=f"{new}, {old}",
        STRIPE_WEBHOOK_SECRET=third,
    )
    assert read == [[new, old, third]]


def test_an_older_systems_name_for_stripes_key_is_read_where_ours_is_missing() -> None:
    older = "sk_test_51Zz9yXW8vU7tS6rQ5pO4nM3l"
    assert values_of("settings.STRIPE_SECRET_KEY", STRIPE_API_KEY=older) == [STRIPE_KEY]
    read = values_of("settings.STRIPE_SECRET_KEY", STRIPE_SECRET_KEY="", STRIPE_API_KEY=older)
    assert read == [older]
    live = values_of(
        "settings.STRIPE_LIVE_MODE", STRIPE_SECRET_KEY="", STRIPE_API_KEY=older.replace("test", "live")
    )
    assert live == [True]


def test_the_policy_lets_forms_lead_to_stripe_and_the_provider_only() -> None:
    (sources,) = values_of("settings.CONTENT_SECURITY_POLICY['DIRECTIVES']['form-action']")
    stripes = [f"https://{name}.stripe.com" for name in ("checkout", "hooks", "billing")]
    assert sources == ["'self'", *stripes, "https://login.example.com"]


def test_a_proxys_word_is_taken_unless_nothing_stands_in_front() -> None:
    assert values_of("settings.SECURE_PROXY_SSL_HEADER") == [["HTTP_X_FORWARDED_PROTO", "https"]]
    assert values_of("settings.SECURE_PROXY_SSL_HEADER", BEHIND_PROXY="false") == [None]


@pytest.mark.parametrize(
    ("proxies", "behind", "said"),
    [
        ("10.0.0.1/8", "true", "TRUSTED_PROXIES: 10.0.0.1/8 has host bits set."),
        ("10.0.0.0/8", "false", "TRUSTED_PROXIES names proxies, but BEHIND_PROXY is false."),
    ],
)
def test_proxies_that_cant_be_trusted_are_named(proxies: str, behind: str, said: str) -> None:
    result = manage("check", TRUSTED_PROXIES=proxies, BEHIND_PROXY=behind)
    assert result.returncode == 1
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_trusted_proxies_are_a_list() -> None:
    assert values_of("settings.TRUSTED_PROXIES", TRUSTED_PROXIES=" 10.0.0.0/8, ::1 ") == [
        ["10.0.0.0/8", "::1"]
    ]
    assert values_of("settings.TRUSTED_PROXIES", TRUSTED_PROXIES="") == [[]]


def test_logs_are_lines_of_json() -> None:
    code = (
        "import django, logging, structlog; django.setup();"
        "logging.getLogger('library').warning('said %s', 'this');"
        "structlog.get_logger('ours').error('done', purchase='1')"
    )
    result = run(["-c", code], ENVIRONMENT)
    library, ours = (json.loads(line) for line in result.stderr.splitlines())
    assert (library["event"], library["level"]) == ("said this", "warning")
    assert (ours["event"], ours["purchase"], ours["level"]) == ("done", "1", "error")


@pytest.mark.parametrize("port", ["nine", "-1", "65536", "9101.5"])
def test_a_worker_metrics_port_that_is_none_is_refused_in_one_line(port: str) -> None:
    result = manage("check", WORKER_METRICS_PORT=port, METRICS_TOKEN="a-token")
    assert result.returncode == 1
    assert result.stderr == "Can't start: WORKER_METRICS_PORT is not a port: a number from 1 to 65535.\n"


def test_several_web_processes_that_count_need_a_folder_for_it(tmp_path: Path) -> None:
    web = "from core import program; program.runs_as(program.WEB); from django.conf import settings; settings.DEBUG"
    several = {**ENVIRONMENT, "METRICS_TOKEN": "a-token", "GRANIAN_WORKERS": "2"}
    result = run(["-c", web], several)
    assert result.returncode == 1
    assert (
        "METRICS_TOKEN with several GRANIAN_WORKERS needs PROMETHEUS_MULTIPROC_DIR"
        in result.stderr.splitlines()[-1]
    )
    for fine in (
        {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
        {"GRANIAN_WORKERS": "1"},
        {"METRICS_TOKEN": ""},
    ):
        assert run(["-c", web], {**several, **fine}).returncode == 0, fine
    # The image's number of web processes is in the worker's environment, too.
    assert values_of("settings.METRICS_TOKEN", METRICS_TOKEN="a-token", GRANIAN_WORKERS="2") == ["a-token"]


def test_a_database_whose_host_vanishes_is_given_up_unless_the_url_says_otherwise() -> None:
    silent = {
        "connect_timeout": 5,
        "tcp_user_timeout": 5000,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
    }
    (options,) = values_of("settings.DATABASES['default']['OPTIONS']")
    assert isinstance(options, dict)
    assert {name: options[name] for name in silent} == silent
    url = f"{ENVIRONMENT['DATABASE_URL']}?connect_timeout=2&tcp_user_timeout=20000"
    (options,) = values_of("settings.DATABASES['default']['OPTIONS']", DATABASE_URL=url)
    assert isinstance(options, dict)
    assert (str(options["connect_timeout"]), str(options["tcp_user_timeout"])) == ("2", "20000")


def test_a_listener_that_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        began = time.monotonic()
        with pytest.raises(psycopg.OperationalError, match="timeout"):
            psycopg.connect(host="127.0.0.1", port=listener.getsockname()[1], **with_network_limits({}))
        assert 4 < time.monotonic() - began < 30


def test_a_worker_metrics_port_needs_a_token() -> None:
    result = manage("check", WORKER_METRICS_PORT="9101")
    assert result.returncode == 1
    assert result.stderr.startswith("Can't start: WORKER_METRICS_PORT needs METRICS_TOKEN")
    assert len(result.stderr.splitlines()) == 1
    assert values_of("settings.WORKER_METRICS_PORT", WORKER_METRICS_PORT="", METRICS_TOKEN="") == [0]
