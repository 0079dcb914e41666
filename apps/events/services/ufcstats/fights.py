"""Fights of a snapshot: each once, by the source's id; both corners one known person or a question for a person."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

import orjson
from django.db.models import Max, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.audit.enums import Action
from apps.audit.services import record, snapshot
from apps.core.actor import Actor
from apps.core.db import insert_rows, insert_values, locked, update_rows
from apps.events.cache import forget_event
from apps.events.enums import BoutState, Method, Result, TitleKind
from apps.events.models import Bout, BoutExternalId, BoutRevision, Event
from apps.events.services.announcing import announce_cards
from apps.events.services.ufcstats.report import Report
from apps.fighters.enums import WEIGHT_LIMITS_LB
from apps.fighters.models import Fighter
from apps.fighters.name_keys import plain
from apps.fighters.services import provenance, refuse, seen
from apps.fighters.services.identify import Mention, NameIndex, Question, is_rival, stand_ins
from apps.fighters.services.provenance import LOCKED, Refused

if TYPE_CHECKING:
    from apps.events.clients.ufcstats import FightRow

_METHODS = {
    "decision - unanimous": Method.DECISION_UNANIMOUS,
    "decision - split": Method.DECISION_SPLIT,
    "decision - majority": Method.DECISION_MAJORITY,
    "decision - technical": Method.DECISION_TECHNICAL,
    "decision": Method.DECISION,
    "ko/tko": Method.KO_TKO,
    "submission": Method.SUBMISSION,
    "tko - doctor's stoppage": Method.TKO_DOCTOR,
    "could not continue": Method.COULD_NOT_CONTINUE,
    "dq": Method.DISQUALIFIED,
    "overturned": Method.OVERTURNED,
}
_RESULT_FIELDS = ("result", "winner_fighter_id", "method", "round", "time_sec")
_WRITTEN = (
    "weight_class", "title_kind", "scheduled_rounds", "time_format", "red_fighter_id", "blue_fighter_id", "result",
    "winner_fighter_id", "method", "method_detail", "round", "time_sec", "referee", "scores",
)  # fmt: skip
_PLACE = ("event_id", "sequence_no")
# What comparing needs; the rest of a row is read only when it changes.
_READ = (
    *_WRITTEN,
    *_PLACE,
    "state",
    "duplicate_of_id",
    "is_manual",
    "amend_reason",
    "decided_at",
    "version",
    "provenance",
)
_NEAR_BOUT = dt.timedelta(days=730)
AMENDED_BY_SOURCE = "corrected by the source"


@dataclass(slots=True)
class Card:
    """Where a fight belongs."""

    event_id: int
    day: dt.date
    # The events file has never had it.
    is_guessed: bool = False


@dataclass(slots=True)
class FightImport:
    """What the batches of one run share."""

    index: NameIndex
    report: Report
    source: str
    actor: Actor
    # Events that were made for fights alone: what the events file says counts more.
    guessed_events: set[int] = field(default_factory=set)
    # Fighters whose records must be counted anew.
    touched: set[int] = field(default_factory=set)
    # When people of one name fought, as far as this run has decided: evidence for the others of that name.
    _days: dict[int, set[dt.date]] = field(default_factory=dict)
    _next_place: dict[int, int] = field(default_factory=dict)
    # Who stands in for a name that nobody has decided on: looked up again with every import.
    _by_name_only: set[int] = field(default_factory=set)

    def store(self, batch: Sequence[tuple[FightRow, Card]]) -> None:
        """Add or change one batch, inside the caller's transaction."""
        if not batch:
            return
        self._lock_cards(batch)
        known = self._known([row.id for row, _card in batch])
        known |= self._entered_before([(row, card) for row, card in batch if row.id not in known])
        corners = self._corners(batch, known)
        fresh: list[tuple[FightRow, Card, int, int]] = []
        changes = _Changes()
        for row, card in batch:
            red, blue = corners[row.id]
            if red == blue:
                self.report.fights.refused += 1
                self.report.refuse(
                    "fight", f"{row.event_name}: {row.red} vs. {row.blue}", _("one fighter in both corners")
                )
            elif row.id in known:
                self._compare(known[row.id], row, card, red, blue, changes)
            else:
                fresh.append((row, card, red, blue))
        self._add(self._without_doubles(fresh))
        self._save(changes)
        marks = {row.id: self._mark(row, known[row.id]) for row, _card in batch if row.id in known}
        seen.remember(BoutExternalId, marks, source=self.source)

    def _mark(self, row: FightRow, bout: Bout) -> str:
        corners = {bout.red_fighter_id, bout.blue_fighter_id}
        return "" if corners & self._by_name_only else seen.mark(row.digest, bout.pk, bout.version)

    # --- who fights -----------------------------------------------------------------------------------------------
    def _corners(self, batch: Sequence[tuple[FightRow, Card]], known: dict[str, Bout]) -> dict[str, tuple[int, int]]:
        """Fighter ids of both corners.  A bout that has its two people keeps them; names only are looked up again."""
        held = {row.id: self._held(known[row.id], row) for row, _card in batch if row.id in known}
        unconfirmed = set(
            Fighter.objects.filter(pk__in=set(chain(*held.values())), is_unconfirmed=True).values_list("pk", flat=True)
        )
        found: dict[tuple[str, int], int] = {}
        doubtful: dict[tuple[str, int], Mention] = {}
        for row, card in batch:
            for corner, mention in enumerate(self._mentions(row, card)):
                present = held[row.id][corner] if row.id in held else None
                who = present if present and present not in unconfirmed else self.index.find(mention)
                if who is None:
                    doubtful[(row.id, corner)] = mention
                else:
                    found[(row.id, corner)] = who
                    self._remember(who, mention)
        questions: dict[str, Question] = {}
        keys: dict[tuple[str, int], str] = {}
        for place, mention in doubtful.items():
            who = self._by_company(mention)
            if who is None:
                keys[place] = self._ask(mention, questions)
            else:
                found[place] = who
        meanwhile, added = stand_ins(questions.values(), source=self.source)
        self._by_name_only |= unconfirmed | set(meanwhile.values())
        self.report.new_questions += added
        found |= {place: meanwhile[key] for place, key in keys.items()}
        return {row.id: (found[(row.id, 0)], found[(row.id, 1)]) for row, _card in batch}

    def _mentions(self, row: FightRow, card: Card) -> tuple[Mention, Mention]:
        red, blue = (
            Mention(name, card.day, self._limit(row, other), row.weight_class, row.event_name, other)
            for name, other in ((row.red, row.blue), (row.blue, row.red))
        )
        return red, blue

    def _limit(self, row: FightRow, other: str) -> int | None:
        """A catch weight is somewhere near what the opponent weighs."""
        if row.weight_class == "Catchweight":
            return self.index.only_pounds(other)
        return WEIGHT_LIMITS_LB.get(row.weight_class)

    def _held(self, bout: Bout, row: FightRow) -> tuple[int, int]:
        """Our corners in the source's order."""
        ours = (bout.red_fighter_id, bout.blue_fighter_id)
        return (ours[1], ours[0]) if self._is_turned(bout, row) else ours

    def _ask(self, mention: Mention, questions: dict[str, Question]) -> str:
        key, is_ambiguous = plain(mention.name), bool(self.index.of_name(mention.name))
        told = self.report.ambiguous_names if is_ambiguous else self.report.unknown_names
        told[mention.name] = told.get(mention.name, 0) + 1
        questions.setdefault(key, Question(mention.name, is_ambiguous)).mentions.append(mention)
        return key

    def _remember(self, who: int, mention: Mention) -> None:
        if len(self.index.of_name(mention.name)) > 1 and mention.on:
            self._days.setdefault(who, set()).add(mention.on)

    def _by_company(self, mention: Mention) -> int | None:
        """Of several people of one name, the only one who fought within two years of it, if no other can be meant:
        a debut, too, is somebody's who has not fought before."""
        candidates = self.index.of_name(mention.name)
        if len(candidates) < 2 or mention.on is None:
            return None
        begin, end = mention.on - _NEAR_BOUT, mention.on + _NEAR_BOUT
        ids = [one.id for one in candidates if one.could_fight_on(mention.on)]
        active = {pk for pk in ids if any(begin <= day <= end for day in self._days.get(pk, ()))}
        rows = Bout.objects.filter(
            Q(red_fighter__in=ids) | Q(blue_fighter__in=ids), event__starts_at__range=(_midnight(begin), _midnight(end))
        )
        for red, blue in rows.values_list("red_fighter_id", "blue_fighter_id"):
            active |= {red, blue} & set(ids)
        rivals = [one for one in candidates if one.id not in active and is_rival(one, mention)]
        return active.pop() if len(active) == 1 and not rivals else None

    # --- what is here already -------------------------------------------------------------------------------------
    def _lock_cards(self, batch: Sequence[tuple[FightRow, Card]]) -> None:
        """Events before bouts, as everybody locks them: those of the file, and where the bouts stand now."""
        external_ids = [row.id for row, _card in batch]
        owners = BoutExternalId.objects.filter(source=self.source, external_id__in=external_ids)
        cards = {card.event_id for _row, card in batch} | set(owners.values_list("bout__event_id", flat=True))
        list(locked(Event.objects.filter(pk__in=cards)).values_list("pk", flat=True))

    def _known(self, external_ids: list[str]) -> dict[str, Bout]:
        owners = dict(
            BoutExternalId.objects.filter(source=self.source, external_id__in=external_ids).values_list(
                "external_id", "bout_id"
            )
        )
        rows = Bout.objects.filter(pk__in=set(owners.values())).only(*_READ)
        bouts = {bout.pk: bout for bout in locked(rows)}
        return {external_id: bouts[bout_id] for external_id, bout_id in owners.items()}

    def _entered_before(self, fresh: Sequence[tuple[FightRow, Card]]) -> dict[str, Bout]:
        """Bouts that a live feed or a person entered: same event, same two people, no id of this source yet; or one
        that nobody has fought yet, under whatever address."""
        events = {card.event_id for _row, card in fresh}
        if not events:
            return {}
        owned = BoutExternalId.objects.filter(source=self.source, bout__event__in=events).values("bout")
        is_to_come = Q(result="") & ~Q(state=BoutState.CANCELLED)
        strangers = {
            (bout.event_id, frozenset((bout.red_fighter_id, bout.blue_fighter_id))): bout
            for bout in locked(Bout.objects.counting().filter(event__in=events).filter(is_to_come | ~Q(pk__in=owned)))
        }
        if not strangers:
            return {}
        found: dict[str, Bout] = {}
        for row, card in fresh:
            pair = frozenset(self.index.find(mention) for mention in self._mentions(row, card))
            bout = strangers.pop((card.event_id, pair), None)  # type: ignore[arg-type]
            if bout is not None:
                found[row.id] = bout
        BoutExternalId.objects.bulk_create(
            [BoutExternalId(bout=bout, source=self.source, external_id=key) for key, bout in found.items()]
        )
        return found

    def _without_doubles(self, fresh: list[tuple[FightRow, Card, int, int]]) -> list[tuple[FightRow, Card, int, int]]:
        """Without fights that stand under another address already: same event, same two people, same outcome.

        They are told of, not added.  Another outcome is another fight: a no contest that is fought again at once.
        """
        rows = Bout.objects.filter(event__in={card.event_id for _row, card, _red, _blue in fresh})
        told = rows.values_list("pk", "event_id", "red_fighter_id", "blue_fighter_id", "result", "winner_fighter_id")
        standing: dict[tuple[Any, ...], str] = {
            (event_id, frozenset((red, blue)), result, winner): f"#{pk}"
            for pk, event_id, red, blue, result, winner in (told if fresh else ())
        }
        single = []
        for row, card, red, blue in fresh:
            values = _values(row, red, blue)
            key = (card.event_id, frozenset((red, blue)), values["result"], values["winner_fighter_id"])
            if key in standing:
                self.report.fights.refused += 1
                reason = _("possibly a duplicate: same event, fighters and outcome as %(bout)s") % {
                    "bout": standing[key]
                }
                self.report.refuse("fight", row.url, reason, f"{row.event_name}: {row.red} vs. {row.blue}")
                continue
            standing[key] = row.url
            single.append((row, card, red, blue))
        return single

    def _is_turned(self, bout: Bout, row: FightRow) -> bool:
        """Whether our red corner is the source's second name."""
        first = {one.id for one in self.index.of_name(row.red)}
        if bout.red_fighter_id in first:
            return False
        second = {one.id for one in self.index.of_name(row.blue)}
        return bout.red_fighter_id in second and bout.blue_fighter_id in first

    # --- writing --------------------------------------------------------------------------------------------------
    def _add(self, fresh: list[tuple[FightRow, Card, int, int]]) -> None:
        if not fresh:
            return
        self._look_up_places({card.event_id for _row, card, _red, _blue in fresh})
        origins = provenance.whole(self.source)
        rows = []
        for row, card, red, blue in fresh:
            place = self._next_place[card.event_id]
            self._next_place[card.event_id] = place + 1
            values = _values(row, red, blue)
            is_decided = bool(values["result"])
            rows.append(
                (
                    card.event_id,
                    place,
                    (BoutState.OFFICIAL if is_decided else BoutState.SCHEDULED).value,
                    dt.datetime.combine(card.day, dt.time.max, tzinfo=dt.UTC) if is_decided else None,
                    origins,
                    *(values[name] for name in _WRITTEN),
                )
            )
            self.touched |= {red, blue}
        ids = insert_values(Bout, ("event_id", "sequence_no", "state", "decided_at", "provenance", *_WRITTEN), rows)
        ids = _ids_of([row[:2] for row in rows], ids)
        insert_rows(
            BoutExternalId,
            ("bout_id", "source", "external_id", "seen"),
            [
                (pk, self.source, row.id, "" if {red, blue} & self._by_name_only else seen.mark(row.digest, pk, 1))
                for pk, (row, _card, red, blue) in zip(ids, fresh, strict=True)
            ],
        )
        self.report.fights.added += len(fresh)
        cards = {card.event_id for _row, card, _red, _blue in fresh}
        forget_event(*cards)
        announce_cards(cards)

    def _look_up_places(self, event_ids: set[int]) -> None:
        unseen = event_ids - self._next_place.keys()
        if not unseen:
            return
        last = dict(
            Bout.objects.filter(event__in=unseen)
            .values("event")
            .annotate(last=Max("sequence_no"))
            .values_list("event", "last")
        )
        self._next_place |= {event_id: (last.get(event_id) or 0) + 1 for event_id in unseen}

    def _compare(self, bout: Bout, row: FightRow, card: Card, red: int, blue: int, changes: _Changes) -> None:
        turned = bout.red_fighter_id == blue and bout.blue_fighter_id == red
        values = _values(row, red, blue, is_turned=turned)
        if not values["result"]:
            # No result is no word about one.
            values = {name: value for name, value in values.items() if name not in _RESULT_FIELDS}
        values = {name: value for name, value in values.items() if value not in ("", None, [])} | {
            name: values[name] for name in ("winner_fighter_id",) if name in values
        }
        accepted, refused = provenance.split(bout, values, source=self.source)
        if bout.is_manual:
            refused += [Refused(name, getattr(bout, name), value, LOCKED) for name, value in accepted.items()]
            accepted = {}
        if bout.is_void:
            accepted, refused = {}, []
        changes.refused += [(bout.pk, item) for item in refused]
        place = self._other_place(bout, card)
        if not accepted and not place and not (values.get("result") and not bout.is_decided and not bout.is_manual):
            self.report.fights.unchanged += 1
            return
        self._apply(bout, accepted, place, changes)

    def _other_place(self, bout: Bout, card: Card) -> dict[str, int]:
        """Where the file puts a bout that stands on a guessed event; others stay, as a person may have put them."""
        if bout.event_id == card.event_id or bout.is_manual or bout.event_id not in self.guessed_events:
            return {}
        self._look_up_places({card.event_id})
        place = self._next_place[card.event_id]
        self._next_place[card.event_id] = place + 1
        return {"event_id": card.event_id, "sequence_no": place}

    def _apply(self, bout: Bout, accepted: dict[str, Any], place: dict[str, int], changes: _Changes) -> None:
        before = snapshot(bout)
        old = {name: getattr(bout, name) for name in (*_WRITTEN, *_PLACE, "state")}
        changes.cards |= {bout.event_id, place.get("event_id", bout.event_id)}
        self.report.moved_fights += bool(place)
        for name, value in place.items():
            setattr(bout, name, value)
        # Live feeds bring no method: filling what was empty corrects nothing.
        corrected = [name for name in _RESULT_FIELDS if name in accepted and old[name] not in ("", None)]
        is_amended = bout.is_decided and bool(corrected)
        self.touched |= {bout.red_fighter_id, bout.blue_fighter_id}
        provenance.write(bout, accepted, source=self.source)
        self.touched |= {bout.red_fighter_id, bout.blue_fighter_id}
        if is_amended and bout.state != BoutState.PROVISIONAL:
            bout.state, bout.amend_reason = BoutState.AMENDED, AMENDED_BY_SOURCE
            self.report.amended_fights += 1
        elif bout.result and bout.state != BoutState.AMENDED:
            bout.state = BoutState.OFFICIAL
            bout.decided_at = bout.decided_at or timezone.now()
        bout.version += 1
        changes.bouts.append(bout)
        changes.revisions.append(self._revision(bout, old, is_amended))
        self.report.fights.changed += 1
        record(Action.UPDATED, bout, actor=self.actor, old=before, new=snapshot(bout), reason=bout.amend_reason)

    def _revision(self, bout: Bout, old: dict[str, Any], is_amended: bool) -> BoutRevision:
        changed = {name: value for name, value in old.items() if value != getattr(bout, name)}
        return BoutRevision(
            bout=bout,
            version=bout.version,
            source=self.source,
            actor_id=self.actor.id[:64],
            actor_label=self.actor.label[:150],
            reason=AMENDED_BY_SOURCE if is_amended else "",
            old=changed,
            new={name: getattr(bout, name) for name in changed},
        )

    def _save(self, changes: _Changes) -> None:
        now = timezone.now()
        columns = [*_WRITTEN, *_PLACE, "state", "amend_reason", "decided_at", "version", "provenance"]
        update_rows(
            Bout,
            [*columns, "updated_at"],
            [(*(_column(getattr(bout, name)) for name in columns), now, bout.pk) for bout in changes.bouts],
        )
        BoutRevision.objects.bulk_create(changes.revisions, batch_size=500)
        for event in locked(Event.objects.filter(pk__in=changes.cards)):
            event.version += 1
            event.save(update_fields=["version", "updated_at"])
            forget_event(event.pk)
        announce_cards({bout.event_id for bout in changes.bouts})
        self.report.fights.refused += refuse("bout", changes.refused, source=self.source)


@dataclass(slots=True)
class _Changes:
    bouts: list[Bout] = field(default_factory=list)
    cards: set[int] = field(default_factory=set)
    revisions: list[BoutRevision] = field(default_factory=list)
    refused: list[tuple[int, Refused]] = field(default_factory=list)


def _values(row: FightRow, red: int, blue: int, *, is_turned: bool = False) -> dict[str, Any]:
    """The columns of a bout.  ``is_turned``: our corners stand the other way round."""
    winners = {"red": red, "blue": blue}
    results = {"red": Result.WIN, "blue": Result.WIN, "draw": Result.DRAW, "no_contest": Result.NO_CONTEST}
    method = _METHODS.get(row.method.lower(), Method.OTHER if row.method else "")
    return {
        "red_fighter_id": blue if is_turned else red,
        "blue_fighter_id": red if is_turned else blue,
        "weight_class": row.weight_class,
        "title_kind": _title(row),
        "scheduled_rounds": row.scheduled_rounds,
        "time_format": row.time_format[:64],
        "result": str(results[row.outcome]) if row.outcome else "",
        "winner_fighter_id": winners.get(row.outcome),
        "method": str(method),
        "method_detail": (row.details or (row.method if method == Method.OTHER else ""))[:255],
        "round": row.round if row.outcome else None,
        "time_sec": row.time_sec if row.outcome else None,
        "referee": row.referee[:128],
        "scores": [
            {"judge": one.judge, "red": one.blue if is_turned else one.red, "blue": one.red if is_turned else one.blue}
            for one in row.judges
        ],
    }


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time.min, tzinfo=dt.UTC)


def _title(row: FightRow) -> str:
    if row.is_interim:
        return str(TitleKind.INTERIM)
    if row.is_tournament:
        return str(TitleKind.TOURNAMENT)
    return str(TitleKind.TITLE) if row.is_title else ""


def _column(value: Any) -> Any:
    """As the driver takes it: JSON as text, words of ours as plain text."""
    if isinstance(value, dict | list):
        return orjson.dumps(value).decode()
    return str(value) if isinstance(value, str) else value


def _ids_of(places: list[tuple[Any, ...]], ids: list[Any]) -> list[int]:
    """MySQL gives no ids back for many rows: read them by their place on the card."""
    if all(ids):
        return ids
    rows = Bout.objects.filter(event__in={event_id for event_id, _place in places})
    by_place = {(event_id, place): pk for pk, event_id, place in rows.values_list("id", "event_id", "sequence_no")}
    return [by_place[place] for place in places]
