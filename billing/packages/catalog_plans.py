"""Read a catalogue file's ``[[plan]]`` tables. The model validates the values: this only reads them."""

from __future__ import annotations

from billing.packages.catalog_amounts import Table
from billing.plans.models import Plan, Rollover
from billing.texts import mistakes_in
from core.toml_files import TomlFile

TABLE = "plan"


def read_plans(file: TomlFile, currency: str) -> list[Plan]:
    """Return the tables as unsaved rows, and note the file's mistakes. ``currency`` is that of tables without one."""
    tables = file.data.get(TABLE, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        file.note_mistake(file.line_of(TABLE), f"{TABLE} is not a [[{TABLE}]] table")
        return []
    plans = [_PlanTable(file, index, table).read_plan(currency) for index, table in enumerate(tables)]
    first: dict[str, int] = {}
    for index, plan in enumerate(plans):
        line = file.line_of("code", TABLE, index)
        if plan.code in first:
            file.note_mistake(line, f"code {plan.code!r} is already used on line {first[plan.code]}")
        first.setdefault(plan.code, line)
    return plans


class _PlanTable(Table):
    """Reads one plan."""

    name = TABLE
    required = {"code", "name", "credits", "price"}
    optional = {
        "active", "currency", "description", "display_order", "interval", "rollover", "rollover_months", "texts",
        "trial_days",
    }  # fmt: skip
    keys = {"price_minor": "price", "is_active": "active"}

    def read_plan(self, currency: str) -> Plan:
        before = len(self.file.mistakes)
        self.check_keys()
        plan = Plan(
            code=self._text("code", ""),
            name=self._text("name", ""),
            description=self._text("description", ""),
            texts=self._texts(),
            credits=self._number("credits"),
            currency=self._text("currency", currency).lower(),
            interval=self._text("interval", Plan._meta.get_field("interval").default),
            rollover=self._text("rollover", Rollover.NONE),
            rollover_months=self._whole("rollover_months", "months"),
            trial_days=self._whole("trial_days", "days") or 0,
            display_order=self._whole("display_order", "places") or self.index + 1,
            is_active=self._flag("active"),
        )
        plan.price_minor = self._minor("price", plan.currency)
        if len(self.file.mistakes) == before:
            self.check(plan)
        return plan

    def _texts(self) -> dict[str, dict[str, str]]:
        texts: dict[str, dict[str, str]] = self.table.get("texts", {})
        for mistake in mistakes_in(texts):
            self._wrong("texts", mistake)
        return texts
