"""What the database refuses, and the small properties."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.articles.models import IngestRun, Source
from tests.factories.articles import ArticleFactory, PendingArticleFactory, PendingRevisionFactory, SourceFactory


@pytest.mark.django_db
@pytest.mark.parametrize("factory", [ArticleFactory, PendingArticleFactory])
def test_the_database_refuses_a_second_row_of_one_identity(factory) -> None:
    row = factory()

    with pytest.raises(IntegrityError), transaction.atomic():
        factory(identity_hash=row.identity_hash)


@pytest.mark.django_db
def test_the_database_refuses_a_headline_kept_twice_and_a_second_source_of_one_address() -> None:
    revision = PendingRevisionFactory()
    source = SourceFactory()

    with pytest.raises(IntegrityError), transaction.atomic():
        PendingRevisionFactory(pending=revision.pending, title=revision.title)
    with pytest.raises(IntegrityError), transaction.atomic():
        SourceFactory(source_url=source.source_url)


def test_a_run_counts_each_position_once_in_any_order() -> None:
    run = IngestRun(fetched_count=3)

    for position in (9, 0, 2000):
        assert not run.has_received(position)
        run.receive(position)
        assert run.has_received(position)

    assert run.received_count == 3
    assert run.is_complete
    assert not run.has_received(1)


@pytest.mark.parametrize(
    ("display", "playback", "expires_in_hours", "pictures", "videos"),
    [
        (False, False, None, False, False),
        (True, False, None, True, False),
        (False, True, None, False, False),
        (True, True, None, True, True),
        (True, True, 1, True, True),
        (True, True, -1, False, False),
    ],
)
def test_rights_of_a_source(
    display: bool, playback: bool, expires_in_hours: int | None, pictures: bool, videos: bool
) -> None:
    now = timezone.now()
    expires = now + timedelta(hours=expires_in_hours) if expires_in_hours else None
    source = Source(rights_display=display, rights_playback=playback, rights_expires_at=expires)

    assert (source.may_show_pictures(now), source.may_play_videos(now)) == (pictures, videos)
