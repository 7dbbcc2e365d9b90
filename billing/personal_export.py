"""Everything that is held about one person, as a ZIP of files: for themselves, or for staff who are asked for it.

It stands in billing because billing may import every other room; each room says what it holds in a module of its own
(`accounts.personal_files`, `credits.personal_files`). A test looks at every table that points at a user or an account:
its model is either in one of these files, or in `LEFT_OUT` with the reason.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import IO, Any, cast
from zipfile import ZIP_DEFLATED, ZipFile

from django.db.models import QuerySet

from accounts import personal_files as person
from accounts.models import User
from billing.exports import NEWEST_FIRST, purchases_csv
from billing.models import Dispute, InboxEvent, Payment, Purchase, PurchaseEvent, Receipt, Refund
from billing.payment_methods import paid_with
from billing.returns import came_of
from config.csv_lines import csv_lines, harmless, utc_text
from config.row_batches import in_row_batches
from credits import personal_files as books
from credits.formatting import plain
from credits.models import Account

# Small exports stay in memory, larger ones go to a file that is gone with its handle.
IN_MEMORY = 2**20
HISTORY = ["purchase", "time", "what", "from", "to", "told_by", "detail"]
REFUNDS = [
    "refund",
    "created",
    "settled",
    "status",
    "purchase",
    "amount",
    "currency",
    "reason",
    "credits_taken",
]
PAYMENTS = ["payment", "purchase", "state", "amount", "currency", "paid", "paid_with", "fingerprint"]
DISPUTES = [
    "dispute",
    "created",
    "closed",
    "status",
    "purchase",
    "amount",
    "currency",
    "reason",
    "credits_taken",
]
RECEIPTS = ["number", "kind", "day", "purchase", "made_out_to"]
MAILS = ["about", "what", "sent"]

Lines = Iterator[str]


@dataclass(frozen=True)
class File:
    """One file of the export: what it says of itself, the models whose rows it holds, and how it is written. Those
    about credits are of the person's own account.
    """

    name: str
    about: str
    models: tuple[str, ...]
    of_user: Callable[[User], Lines] | None = None
    of_account: Callable[[Account], Lines] | None = None

    def lines(self, user: User, account: Account | None) -> Lines | None:
        """None: there is no account, so nothing to say."""
        if self.of_user is not None:
            return self.of_user(user)
        return self.of_account(account) if self.of_account and account else None


def write_export(user: User) -> IO[bytes]:
    """The ZIP, ready to be read from its beginning. The caller closes it, and it is gone."""
    account = Account.objects.filter(owner=user).first()
    spooled = cast(IO[bytes], tempfile.SpooledTemporaryFile(max_size=IN_MEMORY))  # noqa: SIM115 - the caller closes it
    written = []
    with ZipFile(spooled, "w", ZIP_DEFLATED) as archive:
        for file in FILES:
            lines = file.lines(user, account)
            if lines is not None:
                _write(archive, file.name, lines)
                written.append(file)
        _write(archive, "README.txt", _readme(user, written))
    spooled.seek(0)
    return spooled


def _write(archive: ZipFile, name: str, lines: Lines) -> None:
    with archive.open(name, "w") as entry:
        for part in lines:
            entry.write(part.encode())


def _readme(user: User, files: list[File]) -> Lines:
    yield f"What is held about the user {user.pk}.\n\n"
    yield "Times are in UTC. Amounts are decimals with a point: credits, or money in the currency's main unit.\n"
    yield "Text that a spreadsheet would take for a formula has an apostrophe in front.\n\n"
    for file in files:
        yield f"{file.name}: {file.about}\n"
    yield "\nThe payment provider, Stripe, holds more about payments: card, address, receipts. "
    yield "What it told us about them is in stripe-events.jsonl, as long as we keep it.\n"


def _purchases(user: User) -> Lines:
    return purchases_csv(Purchase.objects.filter(user=user))


def _history(user: User) -> Lines:
    events = in_row_batches(PurchaseEvent.objects.filter(purchase__user=user), ["id"])
    return csv_lines(HISTORY, (map(_event_row, batch) for batch in events))


def _event_row(event: PurchaseEvent) -> list[str]:
    detail = json.dumps(event.detail, ensure_ascii=False) if event.detail else ""
    return [
        str(event.purchase_id),
        utc_text(event.created_at),
        event.what,
        event.from_status,
        event.to_status,
        event.source,
        detail,
    ]


def _refunds(user: User) -> Lines:
    """Without the staff's note, which the buyer was never to see; staff can add it to their answer."""
    refunds = Refund.objects.filter(payment__purchase__user=user).select_related("payment")
    batches = in_row_batches(refunds, NEWEST_FIRST)
    return csv_lines(REFUNDS, ((_return_row(row, row.settled_at) for row in batch) for batch in batches))


def _payments(user: User) -> Lines:
    payments = in_row_batches(Payment.objects.filter(purchase__user=user), NEWEST_FIRST)
    return csv_lines(PAYMENTS, (map(_payment_row, batch) for batch in payments))


def _payment_row(row: Payment) -> list[str]:
    return [
        row.stripe_payment_intent_id,
        str(row.purchase_id),
        row.state,
        str(row.amount.major),
        row.currency,
        utc_text(row.paid_at),
        harmless(paid_with(row)),
        harmless(row.fingerprint),
    ]


def _receipts(user: User) -> Lines:
    receipts = in_row_batches(Receipt.objects.filter(purchase__user=user), ["-issued_at", "-id"])
    return csv_lines(RECEIPTS, (map(_receipt_row, batch) for batch in receipts))


def _receipt_row(row: Receipt) -> list[str]:
    return [row.number, row.kind, row.day.isoformat(), str(row.purchase_id), harmless(row.buyer)]


def _disputes(user: User) -> Lines:
    disputes = Dispute.objects.filter(payment__purchase__user=user).select_related("payment")
    batches = in_row_batches(disputes, NEWEST_FIRST)
    return csv_lines(DISPUTES, ((_return_row(row, row.closed_at) for row in batch) for batch in batches))


def _return_row(row: Refund | Dispute, ended: datetime | None) -> list[str]:
    claim = came_of(row)
    return [
        str(row.pk),
        utc_text(row.created_at),
        utc_text(ended),
        row.status,
        str(row.payment.purchase_id),
        str(row.amount.major),
        row.currency,
        harmless(row.reason),
        plain(claim.taken if claim else Decimal(0)),
    ]


def _mails(user: User) -> Lines:
    """Mails about purchases, refunds and gifts; those of notices stand with the notices."""
    purchases = Purchase.objects.filter(user=user)
    refunds = Refund.objects.filter(payment__purchase__user=user)
    rows = [
        *_sent(purchases, "confirmation_sent_at", "confirmation of the purchase"),
        *_sent(purchases, "failure_mailed_at", "the payment failed"),
        *_sent(refunds, "mailed_at", "the refund"),
        *_sent(user.gifts_sent.all(), "sender_mailed_at", "the gift was sent"),
        *_sent(user.gifts_received.all(), "recipient_mailed_at", "the gift was received"),
    ]
    return csv_lines(MAILS, [rows])


def _sent(rows: QuerySet[Any], mark: str, what: str) -> list[list[str]]:
    marked = rows.filter(**{f"{mark}__isnull": False}).order_by("created_at", "pk").values_list("pk", mark)
    return [[str(key), what, utc_text(at)] for key, at in marked]


def _stripe_events(user: User) -> Lines:
    """One event a line, as Stripe sent it."""
    for batch in in_row_batches(InboxEvent.objects.filter(purchase__user=user), ["received_at", "id"]):
        for event in batch:
            yield json.dumps(event.payload, ensure_ascii=False) + "\n"


FILES = [
    File("profile.json", "who you are here", ("accounts.User", "accounts.User_groups",
         "accounts.User_user_permissions"), of_user=person.profile),
    File("purchases.csv", "what you bought, also for a team", ("billing.Purchase",), of_user=_purchases),
    File("purchase-history.csv", "what happened to each purchase", ("billing.PurchaseEvent",), of_user=_history),
    File("payments.csv", "your payments, and what each was made with", ("billing.Payment",), of_user=_payments),
    File("refunds.csv", "money that went back to you", ("billing.Refund",), of_user=_refunds),
    File("receipts.csv", "receipts and credit notes that were made out to you", ("billing.Receipt",),
         of_user=_receipts),
    File("disputes.csv", "payments that your bank questioned", ("billing.Dispute",), of_user=_disputes),
    File("statement.csv", "every entry of your own credits", ("credits.Account", "credits.Entry"),
         of_account=books.statement),
    File("lots.csv", "credits that came in together, and what is left of them", ("credits.Lot",),
         of_account=books.lots),
    File("holds.csv", "credits that were set aside for work", ("credits.Hold",), of_account=books.holds),
    File("adjustments.csv", "credits that staff gave or took, and why", ("credits.Adjustment",),
         of_account=books.adjustments),
    File("gifts.csv", "credits that you gave or were given", ("credits.Gift",), of_user=books.gifts),
    File("notices.csv", "notices that you asked for, and when they were sent",
         ("credits.BalanceAlert", "credits.ExpiryWarning"), of_account=books.notices),
    File("teams.csv", "the teams you are in", ("teams.Membership",), of_user=person.teams),
    File("team-spending.csv", "what you spent of your teams’ credits", ("teams.MemberAllowance",),
         of_user=person.team_spending),
    File("invitations.csv", "invitations to teams that you sent or got", ("teams.Invitation",),
         of_user=person.invitations),
    File("api-keys.csv", "API clients that you registered, and their keys, without secrets",
         ("clients.ApiClient", "clients.ApiKey"), of_user=person.keys),
    File("acts.csv", "what you did in the back office", ("admin.LogEntry", "audit.AuditEntry"), of_user=person.acts),
    File("mails.csv", "which mails you were sent about purchases, refunds and gifts", (), of_user=_mails),
    File("stripe-events.jsonl", "what the payment provider told us about your purchases, one event a line",
         ("billing.InboxEvent",), of_user=_stripe_events),
]  # fmt: skip

LEFT_OUT = {
    "accounts.ProviderSession": "a session that is open now, and its id at the provider; goes with the session",
    "accounts.ProviderLogout": "that the provider ended a session; forgotten minutes later",
    "billing.SeenPurchase": "which purchases a comparison with Stripe has met; forgotten when it ends",
    "credits.Clawback": "what came of the credits: refunds.csv and disputes.csv say how many were taken",
    "credits.FirstSpend": "a figure counted from statement.csv, for staff's sums; made anew at any time",
    "credits.RunningDry": "a figure counted from statement.csv, for staff's sums; made anew at any time",
    "credits.SpendingDay": "a figure counted from statement.csv, for staff's sums; made anew at any time",
    "billing.ReconciliationRun": "names staff who compared the books with Stripe by their id; about nobody else",
    "billing.ReconciliationFinding": "a comparison of the books; what came of it stands in purchase-history.csv",
    "djstripe.Customer": "a copy of what Stripe holds, for staff to look at; Stripe answers for its own",
    "djstripe.WebhookEndpoint": "where Stripe sends events to; about nobody",
    "pghistory.MiddlewareEvents": "a view: the next one's rows with what the middleware said of them",
    "pghistory.Events": "a view over the earlier states that are listed here",
}
