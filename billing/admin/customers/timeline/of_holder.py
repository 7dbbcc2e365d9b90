"""Tell what staff did with the user, team or plan: notes and the audit; and of the last sign-in."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.audit.models import AuditEntry
from accounts.audit.wording import act_in_words, changes_of, kind_in_words
from accounts.models import User
from accounts.notes.models import Note
from backoffice.display import admin_page
from billing.admin.customers.customer import Customer
from billing.admin.customers.notes import notes_about
from billing.admin.customers.timeline.source import Line, Source
from billing.subscriptions.models import Subscription

LONGEST_NOTE_SHOWN = 300


def _note(note: Note) -> Line:
    text = note.text if len(note.text) <= LONGEST_NOTE_SHOWN else f"{note.text[:LONGEST_NOTE_SHOWN]}…"
    return Line(_("Note"), text, actor_id=note.author_id)


def _audited(customer: Customer) -> QuerySet[AuditEntry]:
    plans = customer.rows(Subscription).order_by().values_list("pk", flat=True)
    return AuditEntry.objects.filter(object_id__in=[str(key) for key in (*customer.keys, *plans)])


def _act(entry: AuditEntry) -> Line:
    words = {"act": act_in_words(entry.act), "kind": kind_in_words(entry.kind)}
    act = _("%(act)s %(kind)s") % words
    columns = ", ".join(change.column for change in changes_of(entry, {}))
    return Line(_("Audit"), f"{act}: {columns}" if columns else act, admin_page(entry), entry.actor_id)


def _user(customer: Customer) -> QuerySet[User]:
    return User.objects.filter(pk=customer.user.pk) if customer.user else User.objects.none()


def _sign_in(user: User) -> Line:
    return Line(_("Sign-in"), _("Last sign-in"))


def _joined(user: User) -> Line:
    return Line(_("User"), _("Joined"), admin_page(user))


HOLDER = [
    Source("note", Note, "created_at", notes_about, _note, User),
    Source("act", AuditEntry, "at", _audited, _act),
    Source("sign-in", User, "last_login", _user, _sign_in),
    Source("joined", User, "date_joined", _user, _joined),
]
