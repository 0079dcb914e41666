"""Verbs of the scheduler.

For other apps: ``trigger``, ``enable``, ``disable``.  The rest belongs to beat (``tick``), to ``migrate``
(``synchronise``) and to the hub's recorder (``LISTENER``).
"""

from apps.scheduler.services.schedules import Changes, configure, disable, enable, trigger

__all__ = ["Changes", "configure", "disable", "enable", "trigger"]
