"""Store what staff, scripts and the provider's roles changed, in one append-only table."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import Func, Q, Value
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class ExactNumbers(json.JSONDecoder):
    """A JSON decoder that reads amounts as Decimal, never as float."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, parse_float=Decimal)


# Replaces the value of a column of which only the fact that it changed may be known.
HIDDEN = "•••"


class FromContext(Func):
    """A default that the database reads from the statement's context (`accounts.audit.context`)."""

    function = "audit_context"
    template = "%(function)s('%(name)s')"
    allowed_default = True

    def __init__(self, name: str, **extra: Any) -> None:
        super().__init__(name=name, **extra)


class FromConnection(Func):
    """A default that the database reads from the connection: its program or its role."""

    template = "%(function)s()"
    allowed_default = True

    def __init__(self, function: str, **extra: Any) -> None:
        super().__init__(function=function, **extra)


class AuditEntry(models.Model):
    """One act: a change of a row, written by its table's trigger, or one written by `accounts.audit.recording`.

    ``before`` and ``after`` hold the columns that differ, or all recorded columns of a row that was created or deleted.
    They name users only by id and hold no secrets, so erasing a user changes nothing here. ``beside`` holds unchanged
    related values, such as an amount's currency, or the request's parameters. ``actor_id`` is empty if no user acted:
    then ``cause``, ``program`` and ``database_role`` name the source.
    """

    at = models.DateTimeField(_("when"), db_default=Now(), editable=False)
    act = models.CharField(_("action"), max_length=40)
    kind = models.CharField(_("kind"), max_length=60)  # a model, such as "packages.package"
    object_id = models.CharField(_("object"), max_length=255, blank=True, db_default=Value(""))
    object_name = models.CharField(_("name"), max_length=255, blank=True, db_default=Value(""))
    before = models.JSONField(_("before"), null=True, decoder=ExactNumbers)
    after = models.JSONField(_("after"), null=True, decoder=ExactNumbers)
    beside = models.JSONField(_("detail"), default=dict, decoder=ExactNumbers)
    # No foreign key: erasing a user must not require an update here.
    actor_id = models.UUIDField(
        _("actor"), null=True, db_default=FromContext("user", function="audit_context_id")
    )
    cause = models.CharField(_("cause"), max_length=60, blank=True, db_default=FromContext("cause"))
    request_id = models.CharField(
        _("request"), max_length=64, blank=True, db_default=FromContext("request_id")
    )
    address = models.CharField(_("IP address"), max_length=64, blank=True, db_default=FromContext("address"))
    page = models.CharField(_("page"), max_length=300, blank=True, db_default=FromContext("url"))
    program = models.CharField(
        _("program"), max_length=64, blank=True, db_default=FromConnection("audit_program")
    )
    database_role = models.CharField(
        _("database role"), max_length=64, blank=True, db_default=FromConnection("audit_role")
    )

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        default_permissions = ("view",)
        ordering = ["-at", "-id"]
        # One per filter, in the list's order: a page reads only as many rows as it shows.
        indexes = [
            models.Index(fields=["-at", "-id"], name="audit_entry_newest"),
            models.Index(fields=["actor_id", "-at", "-id"], name="audit_entry_by_actor"),
            models.Index(fields=["kind", "-at", "-id"], name="audit_entry_by_kind"),
            models.Index(fields=["object_id", "kind", "-at", "-id"], name="audit_entry_by_object"),
            models.Index(
                fields=["object_name", "-at", "-id"], condition=~Q(object_name=""), name="audit_entry_by_name"
            ),
            models.Index(fields=["act", "-at", "-id"], name="audit_entry_by_act"),
            models.Index(
                fields=["request_id", "-at", "-id"],
                condition=~Q(request_id=""),
                name="audit_entry_by_request",
            ),
            models.Index(
                fields=["address", "-at", "-id"], condition=~Q(address=""), name="audit_entry_by_address"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"
