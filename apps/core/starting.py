"""What web, worker, beat and consumer make sure of before they begin.  ``migrate`` and other commands don't ask.

``settings.START_CHECKS`` names the callables, each of which raises SystemExit with a Chinese and an English sentence
or returns.  They leave no connection open: a worker forks afterwards.
"""

from __future__ import annotations

from django.conf import settings
from django.utils.module_loading import import_string


def require_fit_to_start() -> None:
    for path in settings.START_CHECKS:
        import_string(path)()
