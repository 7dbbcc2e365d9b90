"""The documents say what the code does."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings
from opentelemetry.sdk import environment_variables
from procrastinate.contrib.django import app

from billing.checkout.closing import Finding
from billing.inbox.models import InboxEvent
from billing.management.commands import (
    check_stripe,
    erase_user,
    forget_events,
    load_catalog,
    rebuild_figures,
    reconcile,
    seed_demo,
    set_up_portal,
    sync_catalog,
)
from billing.privacy.export import export_files
from billing.purchases.models import Purchase
from billing.reconciliation.findings import SYNCED, WHAT_TO_DO
from billing.refunds.models import Dispute, Refund
from billing.setup.webhook_endpoint import INVOICES, PERMISSIONS, SUBSCRIPTIONS
from billing.setup.webhook_events import WANTED_EVENTS
from billing.stripe.mirror import MIRRORED_FAMILIES, MIRRORED_TYPES, is_mirrored
from billing.stripe.objects.events import KINDS
from core.errors import DomainError
from credits.adjustments.models import Adjustment
from credits.ledger.models import Account, Clawback, Entry, Hold, Lot
from credits.management.commands import check_ledger, export_ledger, grant_credits, make_codes
from credits.proof.checking import INVARIANTS
from credits.rates.management.commands import load_rates
from credits.redemption.models import Code, CodeBatch, Redemption

ROOT = Path(__file__).resolve().parent.parent.parent
GO_LIVE = (ROOT / "docs/go-live.md").read_text()
OPERATE = (ROOT / "docs/operate.md").read_text()
PERSONAL_DATA = (ROOT / "docs/personal-data.md").read_text()
READMES = ["README.md", "sandbox/README.md", "clients/python/README.md", "examples/text_service/README.md"]
READMES += ["CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", ".github/pull_request_template.md"]
DOCUMENTS = [*(ROOT / name for name in READMES), *sorted((ROOT / "docs").rglob("*.md"))]
NAME = re.compile(r"[A-Z][A-Z0-9_]+")


def in_code(text: str) -> set[str]:
    """Everything that stands in `code` quotes."""
    return set(re.findall(r"`([^`\n]+)`", text))


def section(text: str, heading: str) -> str:
    return re.split(r"^#+ ", text.split(f" {heading}\n", 1)[1], flags=re.MULTILINE)[0]


# --- Environment variables ------------------------------------------------------------------------------------------


def variables_read() -> set[str]:
    """Names that config/settings reads: ``env(…)``, ``env.int(…)``, and those of a loop over names."""
    names: set[str] = set()
    for path in (ROOT / "config/settings").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and is_env(node.func) and node.args:
                names |= constants(node.args[0])
            elif isinstance(node, ast.comprehension):
                names |= constants(node.iter)
    return names


def is_env(function: ast.expr) -> bool:
    owner = function.value if isinstance(function, ast.Attribute) else function
    return isinstance(owner, ast.Name) and owner.id == "env"


def constants(node: ast.AST) -> set[str]:
    found = {
        part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }
    return {name for name in found if NAME.fullmatch(name)}


def test_every_environment_variable_is_documented() -> None:
    read = variables_read()
    assert {"SECRET_KEY", "STRIPE_WEBHOOK_SECRET_CREDITS", "DATABASE_POOL_MAX", "TEST_DATABASE"} <= read
    assert not read - in_code(GO_LIVE)


def test_no_variable_is_documented_that_nothing_reads() -> None:
    documented = {
        name for row in re.findall(r"^\| (`[^|]+) \|", GO_LIVE, re.MULTILINE) for name in in_code(row)
    }
    tables = {name for name in documented if NAME.fullmatch(name) and not name.startswith("GRANIAN_")}
    # OpenTelemetry's SDK reads its own.
    assert not tables - variables_read() - set(vars(environment_variables))


def test_the_example_file_sets_known_variables() -> None:
    names = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert not names - variables_read() - {"POSTGRES_PASSWORD", "PORT"}


# --- Stripe's events ------------------------------------------------------------------------------------------------


def events_to_tick() -> set[str]:
    rows = re.findall(r"^\| (`[^|]+) \|", section(GO_LIVE, "The webhook endpoint"), re.MULTILINE)
    return {event for row in rows for event in in_code(row)}


def test_the_events_to_tick_are_those_that_are_handled_or_mirrored() -> None:
    ticked = events_to_tick()
    assert not KINDS.keys() - ticked
    assert all(event in KINDS or is_mirrored(event) for event in ticked)
    assert ticked == set(WANTED_EVENTS), "what check_stripe looks for, and makes an endpoint with"


def test_the_permissions_of_a_restricted_key_are_those_that_are_probed() -> None:
    rows = re.findall(
        r"^\| ([^|]+): \**(read|write)\**[^|]* \| `(\w+)` \|",
        section(GO_LIVE, "A restricted key"),
        re.MULTILINE,
    )
    documented = {f"{name}: {verb}" for name, verb, _ in rows}
    probed = {permission.name for permission in [*PERMISSIONS, INVOICES, *SUBSCRIPTIONS]}
    reads_too = {f"{name}: read" for name, verb, _ in rows if verb == "write"}
    assert documented | reads_too == probed | {"Accounts: read", "Webhook Endpoints: read"}


def test_every_family_of_the_mirror_is_ticked() -> None:
    ticked = events_to_tick()
    assert ticked >= MIRRORED_TYPES
    for family in MIRRORED_FAMILIES:
        assert any(event.startswith(family) for event in ticked), family


def test_the_documented_api_version_is_the_pinned_one() -> None:
    versions = set(re.findall(r"\d{4}-\d\d-\d\d\.[a-z]+", GO_LIVE))
    assert versions == {settings.STRIPE_API_VERSION}


# --- States, findings, commands, errors, guards ---------------------------------------------------------------------


def test_every_state_that_staff_meet_is_explained() -> None:
    text = OPERATE.lower()
    for status in [*Purchase.Status, *InboxEvent.Status]:
        assert re.search(rf"^\| {status.value} \|", text, re.MULTILINE), status
    returns = (ROOT / "docs/refunds-and-disputes.md").read_text()
    for told in [*Refund.Status, *Dispute.Status]:
        assert re.search(rf"^\| ([a-z_]+, )*{told.value}(, [a-z_]+)* \|", returns, re.MULTILINE), told
    for policy in Refund.Policy:
        assert f"| `{policy.value}` |" in returns
    for attention in Purchase.Attention:
        assert not attention.value or f"| `{attention.value}` |" in text


def test_every_finding_of_reconciliation_is_explained() -> None:
    comparing = sorted((ROOT / "billing/reconciliation").glob("*.py"))
    source = "".join(path.read_text() for path in (*comparing, ROOT / "billing/checkout/closing.py"))
    kinds = set(re.findall(rf'{Finding.__name__}\(\s*"(\w+)"', source)) | {
        "paid_not_credited",
        "status_behind",
        "subscription_behind",
        *SYNCED,
    }
    assert len(kinds) >= 11
    kinds |= set(Purchase.Attention.values) - {""}
    assert not kinds - in_code(OPERATE)
    assert kinds == set(WHAT_TO_DO)


def test_every_command_is_documented() -> None:
    ours = (forget_events, load_catalog, load_rates, rebuild_figures, reconcile, seed_demo, sync_catalog)
    others = (check_ledger, check_stripe, erase_user, export_ledger, grant_credits, make_codes, set_up_portal)
    modules = (*ours, *others)
    for module in modules:
        name = module.__name__.rsplit(".", 1)[1]
        assert re.search(rf"^\| `{name}\b", OPERATE, re.MULTILINE), name


def test_the_table_of_jobs_names_exactly_those_that_exist() -> None:
    rows = re.findall(r"^\| (`[^|]+) \|[^|]+\|[^|]+\|$", section(OPERATE, "Processes"), re.MULTILINE)
    listed = {name for row in rows for name in in_code(row) if "." in name}
    assert listed == {name for name in app.tasks if not name.startswith(("procrastinate.", "builtin:"))}


def test_every_error_code_of_the_api_is_documented() -> None:
    names = ("api", "ledger", "rates", "statement-and-gifts", "adjustments", "personal-data", "languages")
    pages = [f"docs/{name}.md" for name in names]
    documented = set().union(*(in_code((ROOT / page).read_text()) for page in pages))
    internal = {
        "error",
        "invalid_key_request",
        "invalid_note",
        "cannot_adopt",
        "catalog_invalid",
        "invalid_answer",
        "provider_refused",
        "sign_in_busy",
        "rate_card_invalid",
        "grants_file_invalid",
        "nothing_owed",
        "payment_of_another",
        "product_name_taken",
        "unreadable_event",
    }
    assert not {error.code for error in descendants(DomainError)} - documented - internal


def descendants(error: type[DomainError]) -> set[type[DomainError]]:
    direct = set(error.__subclasses__())
    return direct.union(*(descendants(child) for child in direct))


def test_every_obstacle_to_an_erasure_is_explained() -> None:
    sources = [path for app in ("accounts", "credits", "billing") for path in (ROOT / app).rglob("*_data.py")]
    codes = {code for path in sources for code in re.findall(r'Obstacle\("(\w+)"', path.read_text())}
    assert len(codes) >= 9
    for code in codes:
        assert re.search(rf"^\| `{code}` \|", PERSONAL_DATA, re.MULTILINE), code


def test_every_file_of_a_persons_export_is_explained() -> None:
    assert not {file.name for file in export_files()} - in_code(PERSONAL_DATA)


def test_every_guard_of_the_ledger_is_documented() -> None:
    pages = ("docs/ledger.md", "docs/refunds-and-disputes.md")
    documented = set().union(*(in_code((ROOT / page).read_text()) for page in pages))
    for model in (Account, Lot, Entry, Hold, Clawback):
        triggers = [trigger.name for trigger in getattr(model._meta, "triggers", [])]
        names = {*triggers, *(constraint.name for constraint in model._meta.constraints)}
        assert not names - documented, model
    assert not {*INVARIANTS, "guards_are_armed"} - documented


def test_every_guard_of_adjustments_is_documented() -> None:
    documented = in_code((ROOT / "docs/adjustments.md").read_text())
    triggers = {trigger.name for trigger in Adjustment._meta.triggers}  # type: ignore[attr-defined]  # pgtrigger's
    names = {name for name in triggers if not name.startswith(("insert", "update"))}
    assert not {*names, *(constraint.name for constraint in Adjustment._meta.constraints)} - documented
    for status in Adjustment.Status:
        assert status.value in documented


def test_every_guard_of_redemption_codes_is_documented() -> None:
    documented = in_code((ROOT / "docs/redemption-codes.md").read_text())
    for model in (CodeBatch, Code, Redemption):
        triggers = [trigger.name for trigger in getattr(model._meta, "triggers", [])]
        names = {*triggers, *(constraint.name for constraint in model._meta.constraints)}
        assert not names - documented, model


# --- Links, targets -------------------------------------------------------------------------------------------------


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_every_make_target_that_is_named_exists() -> None:
    for path in DOCUMENTS:
        named = set(re.findall(r"(?:`|^)make ([a-z-]+)", path.read_text(), re.MULTILINE))
        assert not named - targets(), path


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(
        r"^#+ (.+)$",
        re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL),
        re.MULTILINE,
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_the_index_and_the_sites_navigation_list_every_page_for_the_same_readers() -> None:
    lists = re.findall(r"^## (.+)\n\n((?:- .+\n)+)", (ROOT / "docs/index.md").read_text(), re.MULTILINE)
    listed = {reader: re.findall(r"^- \[.+?\]\((.+?)\)", links, re.MULTILINE) for reader, links in lists}
    settings_of_the_site = (ROOT / "mkdocs.yml").read_text().split("\nnav:", 1)[1]
    navigation = {
        reader: [
            page.replace("source/", "../").removesuffix("index.md") for page in re.findall("- (.+)", pages)
        ]
        for reader, pages in re.findall(r"^  - (.+):\n((?: {6}- .+\n)+)", settings_of_the_site, re.MULTILINE)
    }
    assert listed == navigation
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"index.md"}
    assert not pages - {page for links in listed.values() for page in links}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_inside_the_project_leads_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        if link.startswith(("http://", "https://")):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_file_that_a_recipe_names_exists() -> None:
    named = re.findall(r"`((?:[a-z]+/)+[\w.]*)`", (ROOT / "docs/contributing.md").read_text())
    assert len(named) > 50
    assert [path for path in named if not (ROOT / path).exists()] == []
