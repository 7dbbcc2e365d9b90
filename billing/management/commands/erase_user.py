"""Erase a user's personal data and keep the records, anonymized: `manage.py erase_user`."""

from __future__ import annotations

import sys
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.email_addresses import is_same_address, people_with
from accounts.errors import ErasureBlocked
from accounts.models import User
from billing.privacy.erasure import Plan, count_copies, erase_user, plan_erasure
from core.uuids import as_uuid
from credits.formatting import credits_amount


class Command(BaseCommand):
    help = (
        "Erase a user's personal data permanently; financial records stay, anonymized. Exits with 1 if "
        "something blocks it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("who", metavar="EMAIL|ID")
        parser.add_argument(
            "--dry-run", action="store_true", help="show what would be deleted, change nothing"
        )
        parser.add_argument("--forfeit", action="store_true", help="forfeit remaining paid credits")
        parser.add_argument("--yes", action="store_true", help="skip confirmation")

    def handle(self, *args: Any, who: str, dry_run: bool, forfeit: bool, yes: bool, **options: Any) -> None:
        user = _find(who)
        if user.erased_at is not None:
            self.stdout.write(f"{user.pk} was erased at {user.erased_at:%Y-%m-%d %H:%M} UTC. Nothing to do.")
            return
        plan = plan_erasure(user, forfeit=forfeit)
        self._tell(plan)
        if plan.obstacles:
            sys.exit(1)
        if dry_run:
            self._tell_rows("Stripe copies that would be redacted", count_copies(user))
        elif yes or self._is_confirmed(user):
            self._erase(user.pk, forfeit)

    def _tell(self, plan: Plan) -> None:
        self.stdout.write(f"{plan.user.username} <{plan.user.email}>, {plan.user.pk}")
        for obstacle in plan.obstacles:
            self.stdout.write(f"blocked: {obstacle.code}: {obstacle.message}")
        left = plan.left
        if left.paid or left.promotional:
            told = f"{credits_amount(left.paid)} paid, {credits_amount(left.promotional)} promotional"
            self.stdout.write(f"Credits to be forfeited: {told}.")
        self._tell_rows("Also deleted or emptied", plan.rows)

    def _erase(self, user_id: UUID, forfeit: bool) -> None:
        try:
            erased = erase_user(user_id, forfeit=forfeit)
        except ErasureBlocked as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"Erased. {credits_amount(erased.forfeited)} credits were forfeited.")
        self._tell_rows("Deleted or emptied", erased.rows)
        if erased.to_redact:
            self.stdout.write(f"Now redact in Stripe: {', '.join(erased.to_redact)}")

    def _tell_rows(self, what: str, rows: dict[str, int]) -> None:
        counted = ", ".join(f"{number} {kind}" for kind, number in rows.items())
        self.stdout.write(f"{what}: {counted or 'nothing'}.")

    def _is_confirmed(self, user: User) -> bool:
        asked = user.email or user.username
        self.stdout.write(f"This can’t be undone. Type {asked} to confirm: ", ending="")
        self.stdout.flush()
        confirmed = is_same_address(sys.stdin.readline(), asked)
        if not confirmed:
            self.stdout.write("Nothing was changed.")
        return confirmed


def _find(who: str) -> User:
    """Find a user by id, or by an email address that only one user has.

    Raises:
        CommandError: there is no such user, or several.
    """
    key = as_uuid(who)
    found = list(User.objects.filter(pk=key) if key else people_with(who)[:2])
    if not found:
        raise CommandError(f"No user matches {who}.")
    if len(found) > 1:
        raise CommandError(f"Several users have the address {who}. Give a user ID instead.")
    return found[0]
