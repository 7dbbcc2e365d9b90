"""`check_stripe` finds each thing that can be wrong at Stripe before going live, and says what to do about it."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from billing.packages.models import CustomAmount, Package
from billing.setup.webhook_endpoint import PERMISSIONS, permissions_needed
from billing.setup.webhook_events import WANTED_EVENTS
from billing.stripe.models import StripeAccount
from tests.support.builders import put_on_sale
from tests.support.sandbox import Sandbox
from tests.support.snapshots import once

pytestmark = pytest.mark.django_db(transaction=True)

KEY = "rk_test_7Hq2Wn5Tb9Xm4Kc8Vd3Rz6Lp"
LIVE_KEY = KEY.replace("_test_", "_live_")
ENDPOINT = "we_1SandboxCommandLineWebhook"
# By Stripe's own names: no more than docs/go-live.md says.
NEEDED = {
    "accounts_kyc_basic_read",
    "balance_transaction_source_read",
    "charge_write",
    "checkout_session_write",
    "customer_portal_write",
    "customer_write",
    "dispute_read",
    "payment_intent_write",
    "payment_method_write",
    "plan_write",
    "product_write",
    "setup_intent_read",
    "webhook_read",
}


@pytest.fixture(autouse=True)
def _ready(sandbox: Sandbox, settings: Any) -> None:
    """A site that is all set up, with a restricted key that may do no more than it must."""
    settings.STRIPE_SECRET_KEY = KEY
    once("all set up", sandbox, lambda: set_up(sandbox))


def set_up(sandbox: Sandbox) -> None:
    sandbox.hold_webhooks()
    sandbox.restrict_key(KEY, *NEEDED)
    put_on_sale()
    call_command("sync_catalog", stdout=StringIO())
    call_command("set_up_portal", stdout=StringIO())
    StripeAccount.objects.create(account_id="acct_1SandboxLocal0000", livemode=False, key_digest="")
    change_endpoint(sandbox, enabled_events=list(WANTED_EVENTS))


def change_endpoint(sandbox: Sandbox, **fields: Any) -> None:
    sandbox.change_object("webhook_endpoint", ENDPOINT, fields)


def check(*options: str) -> tuple[int, str]:
    """The exit code, and what it said."""
    out = StringIO()
    try:
        call_command("check_stripe", *options, stdout=out)
    except SystemExit as ending:
        return int(ending.code or 0), out.getvalue()
    return 0, out.getvalue()


def wrong(said: str) -> list[tuple[str, str]]:
    """Each line that found something, with what is to be done."""
    return re.findall(r"^✗ (.+)\n  → (.+)$", said, re.MULTILINE)


def test_a_site_that_is_set_up_is_ready(sandbox: Sandbox) -> None:
    code, said = check()

    *lines, last = said.splitlines()
    assert (code, last) == (0, "All checks passed."), said
    assert all(line.startswith("✓ ") for line in lines)
    assert "✓ Account acct_1SandboxLocal0000, test mode" in lines
    assert "✓ Catalogue: 4 packages match Stripe" in lines
    assert f"✓ Webhook endpoint {ENDPOINT}: events missing: none" in lines


def test_looking_changes_nothing(sandbox: Sandbox) -> None:
    kinds = ("product", "price", "refund", "checkout.session", "webhook_endpoint", "event")
    StripeAccount.objects.all().delete()
    before = [sandbox.objects(kind) for kind in kinds]
    packages = list(Package.objects.values())
    assert check()[0] == 0

    assert [sandbox.objects(kind) for kind in kinds] == before
    assert list(Package.objects.values()) == packages
    assert not StripeAccount.objects.exists()


# --- The account ------------------------------------------------------------------------------------------------------


def test_an_account_that_may_not_charge_is_found(sandbox: Sandbox) -> None:
    sandbox.set_account(charges_enabled=False)
    code, said = check()
    assert code == 1
    assert wrong(said) == [
        ("Account: charges are not enabled", "Finish the account's activation in Stripe's dashboard.")
    ]
    assert said.endswith("1 to fix.\n")


def test_a_key_of_another_account_than_the_data_is_found(sandbox: Sandbox) -> None:
    sandbox.set_account(id="acct_other")
    code, said = check()
    ((found, to_do),) = wrong(said)
    assert (code, to_do) == (1, "Change the key.")
    assert "the account acct_other, but the data here to acct_1SandboxLocal0000" in found


def test_a_key_of_another_mode_than_data_and_endpoint_is_found(sandbox: Sandbox, settings: Any) -> None:
    sandbox.set_account(live_keys=True)
    sandbox.restrict_key(LIVE_KEY, *NEEDED)
    settings.STRIPE_SECRET_KEY = LIVE_KEY
    code, said = check()
    found = wrong(said)
    assert code == 1
    assert "STRIPE_SECRET_KEY is a live key, but the data here is in test mode" in found[0][0]
    assert found[1][0].startswith("SITE_URL is http://")
    assert found[2][0] == f"Webhook endpoint {ENDPOINT}: not in the key's mode"
    assert len(found) == 3


# --- The endpoint -----------------------------------------------------------------------------------------------------


def test_an_endpoint_at_another_address_is_found(settings: Any) -> None:
    there, settings.SITE_URL = settings.SITE_URL, "https://credits.example.com"
    code, said = check()
    (found, to_do), (portal, _) = wrong(said)
    assert portal.endswith(" is not as set up"), "it leads back to the old address"
    assert (code, found) == (
        1,
        "Webhook endpoint: none has the URL https://credits.example.com/api/v1/billing/credits/webhook;"
        f" found: {there}/api/v1/billing/credits/webhook",
    )
    assert to_do == "To create it, run check_stripe --create-endpoint and set the secret it prints."


@pytest.mark.parametrize("path", ["/api/v1/billing/credits/webhook/", "/api/credits/webhook"])
def test_the_other_addresses_of_the_webhook_do_as_well(sandbox: Sandbox, settings: Any, path: str) -> None:
    change_endpoint(sandbox, url=f"{settings.SITE_URL}{path}")
    assert check()[0] == 0


def test_the_address_of_djstripes_endpoint_does_where_it_is_answered(sandbox: Sandbox, settings: Any) -> None:
    url = f"{settings.SITE_URL}/stripe/webhook/5b0c4c1e-0000-4000-8000-000000000000/"
    sandbox.change_object("webhook_endpoint", ENDPOINT, {"url": url})
    assert check()[0] == 1

    settings.DJSTRIPE_PREFIX = "stripe"
    assert check()[0] == 0


def test_two_endpoints_at_our_address_are_found(sandbox: Sandbox, settings: Any) -> None:
    other = {"url": f"{settings.SITE_URL}/api/credits/webhook", "id": "we_second"}
    sandbox.post(f"/_sandbox/objects/webhook_endpoint/{ENDPOINT}/copies", {"copies": [other]})
    code, said = check()
    assert code == 1
    assert wrong(said) == [
        (
            f"Webhook endpoint: 2 have our URL: we_second, {ENDPOINT}",
            "Delete all but one in Stripe.",
        )
    ]


ON_ITS_PAGE = "change it on the endpoint's page in Stripe's dashboard (Developers → Webhooks)."


@pytest.mark.parametrize(
    ("fields", "found", "to_do"),
    [
        ({"status": "disabled"}, "disabled", f"Enable it: {ON_ITS_PAGE}"),
        (
            {"api_version": "2024-06-20"},
            "API version 2024-06-20, but the site uses 2026-08-26.dahlia",
            "An endpoint keeps the version it was created with: delete it in Stripe, then run check_stripe"
            " --create-endpoint and set the secret it prints.",
        ),
        (
            {"api_version": None},
            "API version the account's default, but the site uses 2026-08-26.dahlia",
            "An endpoint keeps",
        ),
        (
            {"enabled_events": sorted({*WANTED_EVENTS} - {"refund.failed", "charge.dispute.closed"})},
            "events missing: charge.dispute.closed, refund.failed",
            f"Add them: {ON_ITS_PAGE}",
        ),
        (
            {"enabled_events": [*WANTED_EVENTS, "payout.paid", "charge.expired"]},
            "unused events: payout.paid",
            f"Remove them: {ON_ITS_PAGE}",
        ),
        ({"enabled_events": ["*"]}, "unused events: *", f"Remove them: {ON_ITS_PAGE}"),
    ],
    ids=["disabled", "old version", "no version", "too few events", "too many events", "all events"],
)
def test_an_endpoint_that_is_not_as_it_should_be_is_found(
    sandbox: Sandbox, fields: dict[str, Any], found: str, to_do: str
) -> None:
    change_endpoint(sandbox, **fields)
    code, said = check()
    ((what, what_to_do),) = wrong(said)
    assert (code, what) == (1, f"Webhook endpoint {ENDPOINT}: {found}")
    assert what_to_do.startswith(to_do)


# --- What the key may do ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", sorted(NEEDED - {"accounts_kyc_basic_read", "webhook_read"}))
def test_a_permission_that_the_key_lacks_is_found_by_stripes_name(sandbox: Sandbox, missing: str) -> None:
    reading = missing.replace("_write", "_read")
    sandbox.restrict_key(KEY, *(NEEDED - {missing}), *({reading} - {missing}))
    code, said = check()
    lines = [found for found in wrong(said) if found[0].startswith("Permission ")]
    ((what, to_do),) = lines
    assert code == 1
    assert what.endswith(f": the key lacks rak_{missing}")
    assert f": {missing.rsplit('_', 1)[1]}:" in what
    assert to_do == "Grant it in Stripe's dashboard (Developers → API keys)."
    assert len(wrong(said)) == 1, said


def test_a_key_that_may_do_nothing_is_told_all_it_needs(sandbox: Sandbox) -> None:
    sandbox.restrict_key(KEY)
    code, said = check()
    lines = wrong(said)
    assert code == 1
    assert len([what for what, _ in lines if what.startswith("Permission ")]) == len(PERMISSIONS)
    first = {"Account": "accounts_kyc_basic", "Webhook endpoint": "webhook", "Catalogue": "product"}
    for title, permission in first.items():
        ((what, to_do),) = [line for line in lines if line[0].startswith(f"{title}: ")]
        assert f"Having the 'rak_{permission}_read' permission would allow this request to continue" in what
        assert to_do == "Fix that first."


def test_invoices_are_asked_for_where_stripe_makes_them_out(sandbox: Sandbox, settings: Any) -> None:
    settings.STRIPE_INVOICES = True
    assert wrong(check()[1])[0][0] == "Permission Invoices: read: the key lacks rak_invoice_read"
    sandbox.restrict_key(KEY, *NEEDED, "invoice_read")
    assert check()[0] == 0
    assert len(permissions_needed()) == len(PERMISSIONS) + 1


def test_plans_need_subscriptions_and_their_invoices(sandbox: Sandbox) -> None:
    assert check()[0] == 0
    put_on_sale("demo")
    lacking = [what.rpartition(" ")[2] for what, _ in wrong(check()[1]) if what.startswith("Permission ")]
    assert lacking == ["rak_invoice_read", "rak_subscription_read", "rak_subscription_write"]
    sandbox.restrict_key(KEY, *NEEDED, "invoice_read", "subscription_write")
    call_command("sync_catalog", stdout=StringIO())
    assert check()[0] == 0


# --- The catalogue ----------------------------------------------------------------------------------------------------


def test_a_catalogue_that_differs_is_found() -> None:
    Package.objects.filter(code="pro").update(name="Professional")
    code, said = check()
    assert code == 1
    assert wrong(said) == [("Catalogue: pro: name in Stripe is 'Pro Pack'", "Run sync_catalog.")]


def test_a_shop_with_nothing_on_sale_is_found() -> None:
    Package.objects.update(is_active=False)
    assert "nothing is on sale" not in str(check()[1]), "custom amounts still are"
    CustomAmount.objects.update(is_active=False)
    assert wrong(check()[1]) == [("Catalogue: nothing is on sale", "Run load_catalog, then sync_catalog.")]


# --- Stripe's answers -------------------------------------------------------------------------------------------------


def away(sandbox: Sandbox) -> None:
    sandbox.fault(method="*", path="/v1/*", status=503, times=None)


def revoked(sandbox: Sandbox) -> None:
    sandbox.post("/_sandbox/reset")


@pytest.mark.parametrize(
    ("misfortune", "found", "to_do"),
    [
        (away, "Stripe can't be reached at the moment.", "Run the command again later."),
        (
            revoked,
            "Stripe refused the request: Invalid API Key provided: rk_test_****",
            "Fix that first.",
        ),
    ],
    ids=["away", "revoked key"],
)
def test_what_could_not_be_looked_at_is_no_all_clear(
    sandbox: Sandbox, settings: Any, misfortune: Callable[[Sandbox], None], found: str, to_do: str
) -> None:
    settings.STRIPE_MAX_NETWORK_RETRIES = 0
    misfortune(sandbox)
    code, said = check()
    assert code == 1
    titles = ["Account", "Permissions", "Webhook endpoint", "Catalogue", "Customer portal"]
    assert [what.split(":")[0] for what, _ in wrong(said)] == titles
    assert all(found in what for what, _ in wrong(said))
    assert {todo for _, todo in wrong(said)} == {to_do}
    assert KEY not in said


# --- Making the endpoint ----------------------------------------------------------------------------------------------


def test_the_endpoint_is_made_and_its_secret_shown_once(
    sandbox: Sandbox, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    change_endpoint(sandbox, url="https://elsewhere.example.com/webhook")
    sandbox.restrict_key(KEY, *NEEDED, "webhook_write")
    code, said = check("--create-endpoint")

    assert code == 0, said
    made = re.search(r"Created (we_\w+) for (\S+)\. ", said)
    secret = re.search(r"^    (whsec_\w+)$", said, re.MULTILINE)
    assert made is not None
    assert secret is not None
    assert "Set STRIPE_WEBHOOK_SECRET_CREDITS to it and restart the web process" in said
    (endpoint,) = [each for each in sandbox.objects("webhook_endpoint") if each["id"] == made[1]]
    assert (endpoint["url"], endpoint["api_version"]) == (made[2].rstrip("."), settings.STRIPE_API_VERSION)
    assert sorted(endpoint["enabled_events"]) == list(WANTED_EVENTS)
    assert secret[1] not in caplog.text

    settings.STRIPE_WEBHOOK_SECRETS = [secret[1]]
    answer = sandbox.post(f"/_sandbox/webhooks/send?endpoint={made[1]}", {"object": "event"})
    assert answer["status"] == 200, "what it signs is taken in"
    code, said = check()
    assert (code, secret[1] in said) == (0, False)


def test_no_second_endpoint_is_made(sandbox: Sandbox) -> None:
    sandbox.restrict_key(KEY, *NEEDED, "webhook_write")
    with pytest.raises(CommandError, match=f"An endpoint with our URL exists: {ENDPOINT}"):
        check("--create-endpoint")
    assert len(sandbox.objects("webhook_endpoint")) == 1


def test_a_key_that_may_make_no_endpoint_is_told_so(sandbox: Sandbox) -> None:
    change_endpoint(sandbox, url="https://elsewhere.example.com/webhook")
    with pytest.raises(CommandError) as refused:
        check("--create-endpoint")
    assert "'rak_webhook_write'" in str(refused.value)
    assert "again" not in str(refused.value)
