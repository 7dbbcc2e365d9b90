"""Show the latest notes, and a form to add one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from django.http import HttpRequest

from accounts.audit.selectors import names_of
from accounts.models import User
from billing.admin.customers.customer import Customer
from billing.admin.customers.notes import NoteForm, may_add_note, notes_about
from billing.admin.customers.parts.part import ROWS, Context, Part


@dataclass(frozen=True)
class Written:
    """A note; ``author`` is empty for an erased user."""

    at: datetime
    author: str
    text: str


def _read(request: HttpRequest, customer: Customer) -> Context | None:
    if customer.user is None and customer.team is None:
        return None
    rows = list(notes_about(customer)[: ROWS + 1])
    names = names_of(row.author_id for row in rows)
    form = NoteForm(initial={"key": uuid4()}) if may_add_note(request, customer) else None
    return {
        "notes": [
            Written(row.created_at, names.get(str(row.author_id), ""), row.text) for row in rows[:ROWS]
        ],
        "more": len(rows) > ROWS,
        "form": form,
    }


NOTES = Part(User, _read, "admin/customers/notes.html")
