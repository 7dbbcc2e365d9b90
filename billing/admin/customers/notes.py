"""Read and add staff's notes about a customer."""

from __future__ import annotations

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts.notes.models import LONGEST_NOTE, Note
from billing.admin.customers.customer import Customer

ADD_NOTE = "notes.add_note"


class NoteForm(forms.Form):
    """Asks for a note; ``key`` makes a double click write one."""

    text = forms.CharField(
        label=_("New note"),
        max_length=LONGEST_NOTE,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=_("Stored with your name; the customer doesn’t see it."),
    )
    key = forms.UUIDField(widget=forms.HiddenInput)


def notes_about(customer: Customer) -> QuerySet[Note]:
    """Return the notes about the customer, newest first, without those that an erasure emptied."""
    if customer.user is not None:
        return Note.objects.filter(user=customer.user).exclude(text="")
    return Note.objects.filter(team=customer.team).exclude(text="") if customer.team else Note.objects.none()


def may_add_note(request: HttpRequest, customer: Customer) -> bool:
    is_there = customer.team is not None or (customer.user is not None and customer.user.erased_at is None)
    return is_there and request.user.has_perm(ADD_NOTE)
