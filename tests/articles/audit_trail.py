"""The audit events of this app; others may have recorded something while the database was made."""

from __future__ import annotations

from typing import Any

from apps.audit.testing import recorded

TYPES = {"source", "pendingArticle", "article", "takedown"}


def trail(*types: str) -> list[dict[str, Any]]:
    """Events about sources, pieces and articles (or only of the named types), oldest first."""
    return [event for event in recorded() if event["resource_type"] in (types or TYPES)]
