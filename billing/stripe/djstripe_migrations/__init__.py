"""dj-stripe's migrations, with one quick way through them. See docs/decisions/djstripe-migrations.md.

`MIGRATION_MODULES` names this package. Upstream's own migrations stay part of it, through ``__path__``, so
that a later release's migrations are found too, and the history reads the same with and without the setting.
"""

from __future__ import annotations

import importlib.util

_upstream = importlib.util.find_spec("djstripe.migrations")
if _upstream is None or _upstream.submodule_search_locations is None:
    raise ImportError("dj-stripe is not installed, or no longer keeps its migrations in djstripe.migrations")
__path__.extend(_upstream.submodule_search_locations)
