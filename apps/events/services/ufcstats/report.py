"""What an import did, in numbers and reasons: for the person who started it, and for the audit log."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

MOST_REASONS = 200
# The audit log keeps the numbers and the first reasons; the run keeps them all.
MOST_AUDITED = 20


@dataclass(slots=True)
class Counts:
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0


@dataclass(slots=True)
class Report:
    """``repeated``: rows of a fight that stood in the files already, under another event name."""

    fighters: Counts = field(default_factory=Counts)
    events: Counts = field(default_factory=Counts)
    fights: Counts = field(default_factory=Counts)
    renamed_events: list[dict[str, str]] = field(default_factory=list)
    amended_fights: int = 0
    moved_fights: int = 0
    repeated_rows: int = 0
    unknown_names: dict[str, int] = field(default_factory=dict)
    ambiguous_names: dict[str, int] = field(default_factory=dict)
    new_questions: int = 0
    events_without_date: list[str] = field(default_factory=list)
    records_recomputed: int = 0
    weight_classes_changed: int = 0
    rows: int = 0
    seconds: float = 0.0
    is_dry_run: bool = False
    reasons: list[dict[str, Any]] = field(default_factory=list)

    def refuse(self, what: str, where: str, reason: str, text: str = "") -> None:
        if len(self.reasons) < MOST_REASONS:
            self.reasons.append({"what": what, "where": where, "reason": reason, "text": text})

    def tell(self, what: str, where: str, reason: str, text: str = "") -> None:
        """Something that was done, and that a person should know of: shown among the reasons."""
        self.refuse(what, where, reason, text)

    def name_without_date(self, event_name: str) -> None:
        if event_name not in self.events_without_date:
            self.events_without_date.append(event_name)

    @property
    def changes(self) -> int:
        """Rows that were added or changed; 0 for a repeated import."""
        kinds = (self.fighters, self.events, self.fights)
        written = sum(counts.added + counts.changed for counts in kinds)
        return written + self.new_questions + self.records_recomputed + self.weight_classes_changed

    def as_data(self) -> dict[str, Any]:
        return {**asdict(self), "changes": self.changes, "rows_per_second": round(self.rows / max(self.seconds, 0.001))}

    def for_audit(self) -> dict[str, Any]:
        data = self.as_data()
        data["reasons"] = data["reasons"][:MOST_AUDITED]
        return data
