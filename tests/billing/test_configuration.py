"""The site refuses to start with settings that would lose payments, accept forged ones or mix test and live money."""

from __future__ import annotations

import datetime
import os
import subprocess
import sys
from decimal import Decimal
from typing import Any

import pytest

from billing.setup.settings_checks import find_configuration_errors

# Made up, and as long as Stripe's: the checks look at the shape.
TEST_KEY = "sk_test_51Nq7fKx2BvR8tYp4WmZc6HdL"
LIVE_KEY = "sk_live_51Nq7fKx2BvR8tYp4WmZc6HdL"
SECRET = "whsec_9fKx2BvR8tYp4WmZc6HdL1sQ"
NEXT_SECRET = "whsec_3Jm7Tn5Vb1Xq8Lz4Gd6Rk2Wp"

PRODUCTION = {
    "DJANGO_SETTINGS_MODULE": "config.settings.production",
    "SECRET_KEY": "Jx8vQ2mT5nR9wZ3kL7pC1dF6gH4sB0yUaEoIiKqNtMrVzXcPbWjGhYlD",
    "ALLOWED_HOSTS": "credits.example.com",
    "SITE_URL": "https://credits.example.com",
    "DATABASE_URL": "postgres://nobody@localhost/none",
    "DEFAULT_FROM_EMAIL": "credits@credits.example.com",
    "STRIPE_SECRET_KEY": LIVE_KEY,
    "STRIPE_WEBHOOK_SECRET": SECRET,
}
DEMO = {"DJANGO_SETTINGS_MODULE": "config.settings.dev", "DATABASE_URL": "postgres://nobody@localhost/none"}
START = "import django; django.setup(); print('started')"

# Each start is a process of its own with nothing in its environment but this; what it says on refusing.
STARTS: dict[str, tuple[dict[str, str], list[str], str]] = {
    "production": (PRODUCTION, ["-c", START], ""),
    "an empty webhook secret": (
        {**PRODUCTION, "STRIPE_WEBHOOK_SECRET": "", "STRIPE_WEBHOOK_SECRET_CREDITS": " "},
        ["-c", START],
        "STRIPE_WEBHOOK_SECRET_CREDITS and STRIPE_WEBHOOK_SECRET are both empty",
    ),
    "the sandbox's webhook secret": (
        {**PRODUCTION, "STRIPE_WEBHOOK_SECRET_CREDITS": "whsec_sandboxsandboxsandboxsandbox"},
        ["-c", "import config.wsgi"],
        "A webhook secret is a placeholder",
    ),
    "a live key with DEBUG": (
        {**DEMO, "DEBUG": "1", "STRIPE_SECRET_KEY": LIVE_KEY},
        ["-c", START],
        "STRIPE_SECRET_KEY is a live key, but DEBUG is on",
    ),
}


@pytest.fixture(scope="module")
def starts() -> dict[str, tuple[int, str]]:
    """Every start's exit code and output. They run side by side: each takes seconds."""
    path = {"PATH": os.environ["PATH"]}
    running = {
        name: subprocess.Popen(
            [sys.executable, *arguments],
            env={**path, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name, (environment, arguments, _) in STARTS.items()
    }
    return {name: (process.communicate()[0], process.returncode)[::-1] for name, process in running.items()}


def test_a_complete_production_starts(starts: dict[str, tuple[int, str]]) -> None:
    code, said = starts["production"]

    assert code == 0, said


@pytest.mark.parametrize(
    "name", ["an empty webhook secret", "the sandbox's webhook secret", "a live key with DEBUG"]
)
def test_the_site_refuses_to_start_and_names_no_secret(name: str, starts: dict[str, tuple[int, str]]) -> None:
    code, said = starts[name]

    assert code == 1
    _, refused, reason = said.rpartition("\ndjango.core.exceptions.ImproperlyConfigured: ")
    assert refused, said
    assert reason.startswith(STARTS[name][2])
    for secret in (LIVE_KEY, SECRET, "whsec_sandbox", PRODUCTION["SECRET_KEY"]):
        assert secret not in said


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"TAX": "Stripe"}, "TAX must be off or stripe."),
        ({"TAX_POINT": "never"}, "TAX_POINT must be sale or spend."),
        (
            {"TAX_INCLUSIVE_CURRENCIES": ["eur", "€"]},
            "TAX_INCLUSIVE_CURRENCIES: € is no currency that Stripe charges in.",
        ),
    ],
)
def test_a_wrong_tax_setting_is_refused(settings: Any, changes: dict[str, Any], expected: str) -> None:
    assert errors_of(settings, **changes) == [expected]


def errors_of(settings: Any, **changes: Any) -> list[str]:
    settings.DEMO = settings.DEBUG = False
    settings.STRIPE_SECRET_KEY, settings.STRIPE_WEBHOOK_SECRETS = LIVE_KEY, [SECRET]
    for name, value in changes.items():
        setattr(settings, name, value)
    return list(find_configuration_errors())


@pytest.mark.parametrize("key", [TEST_KEY, LIVE_KEY, LIVE_KEY.replace("sk_", "rk_")])
def test_a_secret_or_restricted_key_of_either_mode_is_fit_for_production(settings: Any, key: str) -> None:
    assert errors_of(settings, STRIPE_SECRET_KEY=key) == []


@pytest.mark.parametrize(
    "key",
    [
        "",
        " ",
        "sk_test_",
        "sk_test_short",
        "sk_test_sandboxsandboxsandboxsandbox",
        "sk_live_xxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "sk_test_changemechangemechangeme",
        LIVE_KEY.replace("sk_", "pk_"),
        SECRET,
        f"{LIVE_KEY}\n",
        "sk_live_your_key_here_0123456789abcdef",
    ],
)
def test_a_key_that_is_missing_or_a_placeholder_is_refused(settings: Any, key: str) -> None:
    (error,) = errors_of(settings, STRIPE_SECRET_KEY=key)

    assert error.startswith("STRIPE_SECRET_KEY is missing or a placeholder.")


@pytest.mark.parametrize(
    "secret",
    [
        "whsec_",
        "whsec_test",
        "whsec_sandboxsandboxsandboxsandbox",
        "whsec_xxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "whsec_placeholder0123456789abcdef",
        "whsec_00000000000000000000000000",
        "changeme",
        LIVE_KEY,
    ],
)
def test_a_placeholder_among_the_webhook_secrets_is_refused(settings: Any, secret: str) -> None:
    (error,) = errors_of(settings, STRIPE_WEBHOOK_SECRETS=[SECRET, secret])

    assert error.startswith("A webhook secret is a placeholder or not one of Stripe's.")


def test_no_webhook_secret_at_all_is_refused(settings: Any) -> None:
    (error,) = errors_of(settings, STRIPE_WEBHOOK_SECRETS=[])

    assert "are both empty" in error


def test_two_webhook_secrets_are_fit_for_a_rotation(settings: Any) -> None:
    assert errors_of(settings, STRIPE_WEBHOOK_SECRETS=[SECRET, NEXT_SECRET]) == []


def test_a_live_key_is_refused_with_debug(settings: Any) -> None:
    (error,) = errors_of(settings, DEBUG=True)

    assert error == "STRIPE_SECRET_KEY is a live key, but DEBUG is on. Use a test key, or turn DEBUG off."


def test_a_test_key_may_run_with_debug(settings: Any) -> None:
    assert errors_of(settings, DEBUG=True, STRIPE_SECRET_KEY=TEST_KEY) == []


def test_the_demo_takes_known_secrets_but_no_live_key(settings: Any) -> None:
    known = {"STRIPE_SECRET_KEY": "sk_test_sandboxsandboxsandboxsandbox", "STRIPE_WEBHOOK_SECRETS": ["x"]}

    assert errors_of(settings, DEMO=True, **known) == []
    (error,) = errors_of(settings, DEMO=True, STRIPE_SECRET_KEY=LIVE_KEY)
    assert error.startswith("STRIPE_SECRET_KEY is a live key, but these are demo settings.")


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("", ""),
        ("https://app.example.com", ""),
        ("https://app.example.com:8443/shop", ""),
        ("app.example.com", "must be a site's URL"),
        ("https://user@app.example.com", "must be a site's URL"),
        ("https://app.example.com?next=", "must be a site's URL"),
        ("https://[app.example.com", "must be a site's URL"),
        ("http://app.example.com", "must use HTTPS"),
    ],
)
def test_an_older_front_end_is_where_buyers_can_be_sent(settings: Any, url: str, complaint: str) -> None:
    settings.SITE_URL, settings.FRONTEND_URL = "https://credits.example.com", url

    found = [error for error in find_configuration_errors() if error.startswith("FRONTEND_URL")]
    assert (len(found), complaint in "".join(found)) == (bool(complaint), True)


@pytest.mark.parametrize("minutes", [30, 0, 1440, 100_000])
def test_a_checkout_time_that_stripe_refuses_is_refused_at_the_start(settings: Any, minutes: int) -> None:
    lifetime = datetime.timedelta(minutes=minutes)
    for changes in ({}, {"DEMO": True, "STRIPE_SECRET_KEY": TEST_KEY}):
        (error,) = errors_of(settings, CHECKOUT_SESSION_LIFETIME=lifetime, **changes)
        assert error.startswith("CHECKOUT_SESSION_MINUTES must be 31 to 1439")


@pytest.mark.parametrize("minutes", [31, 1439])
def test_a_checkout_time_that_stripe_takes_is_taken(settings: Any, minutes: int) -> None:
    assert errors_of(settings, CHECKOUT_SESSION_LIFETIME=datetime.timedelta(minutes=minutes)) == []


def test_no_error_names_a_secrets_value(settings: Any) -> None:
    said = " ".join(
        [
            *errors_of(settings, DEBUG=True, STRIPE_WEBHOOK_SECRETS=["whsec_wrong_but_secret"]),
            *errors_of(settings, STRIPE_SECRET_KEY="sk_live_wrong_but_secret"),
        ]
    )

    assert "placeholder" in said
    assert "wrong_but_secret" not in said
    assert LIVE_KEY not in said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REFERRAL_REWARD", Decimal("0.0000001")),
        ("REFERRAL_REWARD", Decimal(10) ** 18),
        ("REFERRAL_WAIT_DAYS", -1),
        ("REFERRAL_WAIT_DAYS", 366),
        ("REFERRAL_CAP", 0),
        ("REFERRAL_VALID_DAYS", 0),
        ("REFERRAL_VALID_DAYS", 36_501),
    ],
)
def test_a_referral_setting_that_could_not_be_kept_is_refused(settings: Any, name: str, value: Any) -> None:
    assert not [error for error in find_configuration_errors() if "REFERRAL" in error]
    setattr(settings, name, value)
    (found,) = [error for error in find_configuration_errors() if "REFERRAL" in error]
    assert found.startswith(f"{name} must be")
