"""Define triggers that keep past prices, so that the price of any spend can always be looked up."""

from __future__ import annotations

import pgtrigger

# check_violation makes Django raise an IntegrityError, as for a constraint.
KEEP_THE_PAST = """
IF TG_OP <> 'INSERT' AND OLD.effective_from <= clock_timestamp() THEN
    RAISE EXCEPTION 'rates_in_force_never_changes: % %', TG_TABLE_NAME, OLD.id USING ERRCODE = 'check_violation';
END IF;
IF TG_OP = 'DELETE' THEN
    RETURN OLD;
END IF;
IF NEW.effective_from < now() THEN
    RAISE EXCEPTION 'rates_take_effect_from_now_on: %', TG_TABLE_NAME USING ERRCODE = 'check_violation';
END IF;
RETURN NEW;
"""


def keeps_its_past() -> list[pgtrigger.Trigger]:
    """Return triggers that let a row be added from now on, and changed or deleted only until it is in force."""
    return [
        pgtrigger.Trigger(
            name="keeps_its_past",
            level=pgtrigger.Row,
            when=pgtrigger.Before,
            operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
            func=KEEP_THE_PAST,
        ),
        # TRUNCATE has no row triggers in PostgreSQL, and would bypass each row's guard.
        pgtrigger.Trigger(
            name="is_never_emptied",
            level=pgtrigger.Statement,
            when=pgtrigger.Before,
            operation=pgtrigger.Truncate,
            func="RAISE EXCEPTION 'Cannot truncate %', TG_TABLE_NAME USING ERRCODE = 'check_violation';",
        ),
    ]
