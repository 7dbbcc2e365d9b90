"""An operation that makes all the tables of a squashed migration at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.operations.models import CreateModel
from django.db.migrations.state import ProjectState
from django.db.models import Model


class CreateTogether(Operation):
    """Makes the tables of ``operations``' models as they are after the last of them.

    Django renders the models again after each operation, and each of dj-stripe's models hangs together with
    all the others: applied one by one, most of the time goes into rendering. Here the state takes in all the
    operations while nothing is rendered, the models are rendered once, and each table is made in its final
    form. The order does not matter: foreign keys are added after the last table.

    Only operations whose effect shows in the final models belong here (no RunSQL, no RunPython), and only on
    tables that are made here.
    """

    serialization_expand_args = ["operations"]

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.operations = list(operations)

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return self.__class__.__qualname__, [], {"operations": self.operations}

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        if "apps" in state.__dict__:
            del state.apps  # as Django's executor does; they are rendered when next asked for
        for operation in self.operations:
            operation.state_forwards(app_label, state)

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        for model in self._models(app_label, to_state):
            if self.allow_migrate_model(schema_editor.connection.alias, model):
                schema_editor.create_model(model)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        for model in reversed(self._models(app_label, from_state)):
            if self.allow_migrate_model(schema_editor.connection.alias, model):
                schema_editor.delete_model(model)

    def describe(self) -> str:
        return f"Create {len(self._names())} models together"

    def references_model(self, name: str, app_label: str) -> bool:
        return True

    def _names(self) -> list[str]:
        return [operation.name for operation in self.operations if isinstance(operation, CreateModel)]

    def _models(self, app_label: str, state: ProjectState) -> list[type[Model]]:
        return [state.apps.get_model(app_label, name) for name in self._names()]
