"""Items become pieces: one piece per identity, other headlines of it kept as revisions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

from apps.articles.cache import forget_public_list
from apps.articles.enums import IdentityPolicy
from apps.articles.models import Article, PendingArticle, PendingRevision, Source
from apps.articles.services.identity import canonical_url, folded, id_hash, identity_hash, is_strong_id, words_hash
from apps.articles.services.similarity import looks_like_spam
from apps.audit.enums import Action
from apps.audit.services import Change, record_many, snapshot
from apps.core.actor import SYSTEM, Actor, ActorKind
from apps.core.db import insert_objects, locked, update_objects
from apps.core.errors import Invalid

# More than any parser hands on.
POSITIONS = 10_000
_SHOWN_FIELDS = [
    "title", "title_hash", "summary", "content", "source_published_at", "is_suspect", "version", "updated_at",
]  # fmt: skip
_SWAPPED_FIELDS = ["title", "title_hash", "summary", "source_published_at", "run", "created_at"]
# A wording that was overtaken comes back after so long at the earliest.
STANDS_FOR = timedelta(hours=1)
# So many wordings that differ in numbers only are a counter; so many at all are nothing that an editor reads.
FLAPS_AFTER, MOST_REVISIONS = 3, 50
REKEYED_TOGETHER = 500
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Arrival:
    """One item as the stream delivers it: cleaned by the parser, its place in the run known."""

    run_id: int
    source_id: int
    position: int
    title: str
    summary: str
    content: str
    url: str
    guid: str
    published_at: datetime | None
    cover_url: str
    video_url: str
    raw: dict[str, Any] = field(repr=False)

    @classmethod
    def from_message(cls, body: dict[str, Any]) -> Self:
        """Raises Invalid for a message without run, source, address of the source or item (D-5)."""
        try:
            item = body["item"]
            published = item["published_at"]
            if not body["source_id"] or not body["url"]:
                raise Invalid("source_id and url are required")
            return cls(
                run_id=_whole(body["run_id"], below=2**63),
                source_id=_whole(body["source_id"], below=2**63),
                position=_whole(body["position"], below=POSITIONS),
                title=str(item["title"]),
                summary=str(item["summary"]),
                content=str(item["content"]),
                url=str(item["url"]),
                guid=str(item["guid"]),
                published_at=datetime.fromisoformat(published) if published else None,
                cover_url=str(item["cover_url"]),
                video_url=str(item["video_url"]),
                raw={name: value for name, value in item.items() if name != "content"},
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise Invalid(f"not an ingest message: {error!r}") from error


def _whole(value: Any, *, below: int) -> int:
    """Raises ValueError for what is out of range: a run keeps a bit for each position."""
    number = int(value)
    if not 0 <= number < below:
        raise ValueError(f"{number} is out of range")
    return number


@dataclass(slots=True)
class Piece:
    """A piece in the making: the row (new or known), the wordings seen, and what this batch adds to it."""

    row: PendingArticle
    is_new: bool
    # Wordings of before, by their hash.  Read only under the lock.
    earlier: dict[str, PendingRevision]
    added: list[PendingRevision] = field(default_factory=list)
    swapped: list[PendingRevision] = field(default_factory=list)
    before: dict[str, Any] | None = None

    @property
    def is_changed(self) -> bool:
        return bool(self.added or self.swapped)

    def show(self, arrival: Arrival, now: datetime) -> bool:
        """Take in one sighting.  True when it changed the piece.

        Only the piece's own source may change it: what another one says of the same address is known already.  The
        newer wording becomes the present one while nobody has decided or edited; the other is kept as a revision.
        A piece that an editor has touched keeps the editor's words and is marked instead.
        """
        words = words_hash(arrival.title, arrival.summary)
        if words == self.row.title_hash or arrival.source_id != self.row.source_id:
            return False
        touched = not self.row.is_pending or self.row.edited_at is not None
        seen = self.earlier.get(words)
        if seen is not None:
            changed = not touched and self._may_return(seen, arrival, now)
            if changed:
                self._swap(seen, arrival, words, now)
        elif self._flaps(arrival):
            changed = False
        else:
            changed = True
            self._add(arrival, words, now, touched=touched)
        if changed and not self.is_new:
            self.row.version += 1
        return changed

    def _add(self, arrival: Arrival, words: str, now: datetime, *, touched: bool) -> None:
        if not touched and self._is_newer(arrival):
            revision = _revision_of(self.row, arrival.run_id)
            _show(self.row, arrival, words)
        else:
            revision = _revision_from(self.row, arrival, words)
            if touched:
                self.row.changed_after_review_at = now
        self.added.append(revision)
        self.earlier[revision.title_hash] = revision

    def _swap(self, seen: PendingRevision, arrival: Arrival, words: str, now: datetime) -> None:
        """The source has gone back to what it said before: the two change places."""
        present = _revision_of(self.row, arrival.run_id)
        _show(self.row, arrival, words)
        del self.earlier[seen.title_hash]
        seen.title, seen.title_hash, seen.summary = present.title, present.title_hash, present.summary
        seen.source_published_at, seen.run_id = present.source_published_at, arrival.run_id
        seen.created_at = now
        self.earlier[seen.title_hash] = seen
        self.swapped.append(seen)

    def _may_return(self, seen: PendingRevision, arrival: Arrival, now: datetime) -> bool:
        """Not what an answer still says that was overtaken, nor every turn of a publisher who tries out headlines."""
        theirs, ours = arrival.published_at, self.row.source_published_at
        if theirs and ours and theirs != ours:
            return theirs > ours
        return seen.pk is not None and arrival.run_id > (seen.run_id or 0) and now - seen.created_at > STANDS_FOR

    def _flaps(self, arrival: Arrival) -> bool:
        """Whether nothing but numbers has changed, and not for the first time: "Live: 312 watching"."""
        if len(self.earlier) < FLAPS_AFTER:
            return False
        loose = _without_numbers(arrival.title, arrival.summary)
        alike = sum(_without_numbers(one.title, one.summary) == loose for one in self.earlier.values())
        return alike >= FLAPS_AFTER or len(self.earlier) >= MOST_REVISIONS

    def _is_newer(self, arrival: Arrival) -> bool:
        """By the source's own time where both have one; else what comes later in time is newer, and within one
        answer what stands further up."""
        theirs, ours = arrival.published_at, self.row.source_published_at
        if theirs and ours and theirs != ours:
            return theirs > ours
        return not self.is_new


def _without_numbers(title: str, summary: str) -> str:
    return _DIGITS.sub("0", folded(f"{title}\n{summary}"))


def pieces_of(arrivals: Sequence[Arrival], policies: dict[int, IdentityPolicy]) -> dict[str, list[Arrival]]:
    """Arrivals by identity, in the order of the identities: every consumer inserts in the same order."""
    by_identity: dict[str, list[Arrival]] = {}
    for arrival in arrivals:
        identity = identity_hash(
            source_id=arrival.source_id,
            policy=policies[arrival.source_id],
            url=arrival.url,
            guid=arrival.guid,
            title=arrival.title,
            published_at=arrival.published_at,
            text=arrival.summary or arrival.content,
        )
        by_identity.setdefault(identity, []).append(arrival)
    return dict(sorted(by_identity.items()))


def known_pieces(sightings: dict[str, list[Arrival]]) -> dict[str, Piece]:
    """Pieces that are in the database; only those with a wording other than the present one are locked and opened.

    An item under a new address with the id of a piece of its source is that piece: publishers put sessions and
    changed headlines into addresses.  An id that others may have by chance counts only with the same headline.
    """
    telling = _telling_ids(sightings)
    found = list(PendingArticle.objects.of_identities(sightings, or_ids=telling).for_titles())
    rows = {row.identity_hash: row for row in found if row.identity_hash in sightings}
    for row in found:
        identity = telling.get(row.id_hash, "")
        if identity and identity not in rows and _is_same(row, sightings[identity]):
            rows[identity] = row
    known = {identity: Piece(row=row, is_new=False, earlier={}) for identity, row in rows.items()}
    changed = {row.pk: identity for identity, row in rows.items() if _has_other_words(row, sightings[identity])}
    for row in locked(PendingArticle.objects.filter(pk__in=changed).defer("raw_payload")):
        # Read again under the lock: a consumer beside us may have seen the same wording.
        earlier = {revision.title_hash: revision for revision in row.revisions.all()}
        known[changed[row.pk]] = Piece(row=row, is_new=False, earlier=earlier, before=snapshot(row))
    return known


def _has_other_words(row: PendingArticle, seen: Iterable[Arrival]) -> bool:
    own = (arrival for arrival in seen if arrival.source_id == row.source_id)
    return any(words_hash(arrival.title, arrival.summary) != row.title_hash for arrival in own)


def _telling_ids(sightings: dict[str, list[Arrival]]) -> dict[str, str]:
    """The publishers' ids, each with the identity that bears it; one that two items of an answer bear tells nothing."""
    by_id: dict[str, list[str]] = {}
    for identity, seen in sightings.items():
        for key in {id_hash(arrival.source_id, arrival.guid) for arrival in seen if arrival.guid}:
            by_id.setdefault(key, []).append(identity)
    return {key: identities[0] for key, identities in by_id.items() if len(identities) == 1}


def _is_same(row: PendingArticle, seen: Iterable[Arrival]) -> bool:
    return any(is_strong_id(one.guid) or one.title == row.title for one in seen)


def new_piece(identity: str, arrival: Arrival, policy: IdentityPolicy) -> Piece:
    address = canonical_url(arrival.url, keep_fragment=policy == IdentityPolicy.URL_FRAGMENT)
    row = PendingArticle(
        source_id=arrival.source_id,
        identity_hash=identity,
        source_url=address,
        cover_url=arrival.cover_url,
        video_url=arrival.video_url,
        raw_payload=arrival.raw,
    )
    if arrival.guid:
        row.id_hash = id_hash(arrival.source_id, arrival.guid)
    _show(row, arrival, words_hash(arrival.title, arrival.summary))
    row.version = 1
    return Piece(row=row, is_new=True, earlier={})


def save_pieces(pieces: Iterable[Piece], sources: dict[int, Source]) -> None:
    """Write what is new or changed, each with its audit event.  Raises IntegrityError when another consumer was
    faster with one of them."""
    pieces = list(pieces)
    _insert([piece.row for piece in pieces if piece.is_new])
    revisions: list[PendingRevision] = []
    for piece in pieces:
        if piece.is_changed and not piece.is_new:
            piece.row.save(update_fields=[*_SHOWN_FIELDS, "changed_after_review_at"])
        for revision in piece.swapped:
            if revision.pk is not None:
                revision.save(update_fields=_SWAPPED_FIELDS)
        for revision in piece.added:
            revision.pending = piece.row
            revisions.append(revision)
    PendingRevision.objects.bulk_create(revisions)
    _record(pieces, sources)


def _insert(rows: list[PendingArticle]) -> None:
    if not insert_objects(rows):
        keys = dict(
            PendingArticle.objects.of_identities(row.identity_hash for row in rows).values_list("identity_hash", "pk")
        )
        for row in rows:
            row.pk = keys[row.identity_hash]


def _record(pieces: Iterable[Piece], sources: dict[int, Source]) -> None:
    """One audit event for each piece, those of a source in one statement."""
    created: dict[int, list[Change]] = {}
    revised: dict[int, list[Change]] = {}
    for piece in pieces:
        source_id = piece.row.source_id or 0
        if piece.is_new:
            created.setdefault(source_id, []).append(Change(piece.row, None, snapshot(piece.row)))
        elif piece.is_changed:
            revised.setdefault(source_id, []).append(Change(piece.row, piece.before, snapshot(piece.row)))
    for action, by_source in ((Action.CREATED, created), (Action.REVISED, revised)):
        for source_id, changes in by_source.items():
            actor = actor_of(sources[source_id]) if source_id in sources else SYSTEM
            record_many(action, changes, actor=actor)


def actor_of(source: Source) -> Actor:
    """A source acts by what it publishes."""
    return Actor(ActorKind.SERVICE, f"source:{source.pk}", source.name)


def _show(row: PendingArticle, arrival: Arrival, words: str) -> None:
    row.title = arrival.title
    row.title_hash = words
    row.is_suspect = looks_like_spam(f"{arrival.title} {arrival.summary}")
    row.summary = arrival.summary
    row.content = arrival.content
    row.source_published_at = arrival.published_at


def _revision_of(row: PendingArticle, run_id: int) -> PendingRevision:
    """What was present until now."""
    return PendingRevision(
        run_id=run_id,
        title=row.title,
        title_hash=row.title_hash,
        summary=row.summary,
        source_published_at=row.source_published_at,
    )


def _revision_from(row: PendingArticle, arrival: Arrival, words: str) -> PendingRevision:
    return PendingRevision(
        run_id=arrival.run_id,
        title=arrival.title,
        title_hash=words,
        summary=arrival.summary,
        source_published_at=arrival.published_at,
    )


def rekey_pieces(source: Source) -> int:
    """Give the source's pieces the identity and address that follow from what was received and from the policy of
    now.  Returns how many changed; a piece whose new identity is taken keeps its old one.

    Happens rarely: when a feed first shows that its fragments matter, or when a source has moved with all its pages.
    """
    changed = 0
    ids = list(PendingArticle.objects.filter(source=source).order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(ids), REKEYED_TOGETHER):
        part = PendingArticle.objects.filter(pk__in=ids[start : start + REKEYED_TOGETHER]).defer("content")
        changed += _rekey_part(list(locked(part)), source)
    if changed:
        forget_public_list()
    return changed


def _rekey_part(rows: Sequence[PendingArticle], source: Source) -> int:
    keys = {row.pk: _key_of(row, source) for row in rows}
    wanted = {identity for identity, _address in keys.values()}
    taken = set(PendingArticle.objects.of_identities(wanted).values_list("identity_hash", flat=True))
    moved: list[PendingArticle] = []
    for row in rows:
        identity, _address = keys[row.pk]
        if identity not in taken:
            taken.add(identity)
            moved.append(row)
    articles = {article.pending_id: article for article in locked(Article.objects.filter(pending__in=moved))}
    changes: list[Change] = []
    for row in moved:
        both: list[PendingArticle | Article] = [row, *([articles[row.pk]] if row.pk in articles else [])]
        for one in both:
            before = snapshot(one)
            one.identity_hash, one.source_url = keys[row.pk]
            changes.append(Change(one, before, snapshot(one)))
    names = ["identity_hash", "source_url", "updated_at"]
    update_objects(moved, names)
    update_objects(list(articles.values()), names)
    if changes:
        record_many(Action.UPDATED, changes, actor=actor_of(source))
    return len(moved)


def _key_of(row: PendingArticle, source: Source) -> tuple[str, str]:
    """From what was received: an editor may have changed the words since."""
    policy = IdentityPolicy(source.identity_policy)
    raw = row.raw_payload
    received = str(raw.get("url", ""))
    published = raw.get("published_at")
    identity = identity_hash(
        source_id=source.pk,
        policy=policy,
        url=received,
        guid=str(raw.get("guid", "")),
        title=str(raw.get("title", row.title)),
        published_at=datetime.fromisoformat(published) if published else row.source_published_at,
        text=str(raw.get("summary", row.summary)),
    )
    return identity, canonical_url(received, keep_fragment=policy == IdentityPolicy.URL_FRAGMENT)
