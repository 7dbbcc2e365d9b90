"""Define what a team writes on its first day: an account with a balance, and its entries."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Account(models.Model):
    balance = models.DecimalField(max_digits=24, decimal_places=6)

    objects: ClassVar[models.Manager[Account]] = models.Manager()

    class Meta:
        app_label = "plain"
        constraints = [
            models.CheckConstraint(condition=models.Q(balance__gte=0), name="plain_account_no_overdraft")
        ]

    def __str__(self) -> str:
        return f"{self.balance}"


class Entry(models.Model):
    account = models.ForeignKey(Account, on_delete=models.PROTECT)
    amount = models.DecimalField(max_digits=24, decimal_places=6)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager[Entry]] = models.Manager()

    class Meta:
        app_label = "plain"

    def __str__(self) -> str:
        return f"{self.amount}"
