"""Triggers that keep the prices of the past: what a spend was priced with can be looked up for ever."""

from __future__ import annotations

import pgtrigger

# check_violation, so that Django raises an IntegrityError, as for a constraint.
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
    """A row can be added from now on, changed and deleted until it is in force, and never after."""
    return [
        pgtrigger.Trigger(
            name="keeps_its_past",
            level=pgtrigger.Row,
            when=pgtrigger.Before,
            operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
            func=KEEP_THE_PAST,
        ),
        # PostgreSQL has no row triggers for TRUNCATE, which would pass by the guard of each row.
        pgtrigger.Trigger(
            name="is_never_emptied",
            level=pgtrigger.Statement,
            when=pgtrigger.Before,
            operation=pgtrigger.Truncate,
            func="RAISE EXCEPTION 'Cannot truncate %', TG_TABLE_NAME USING ERRCODE = 'check_violation';",
        ),
    ]
