"""Cells that several lists of this app share."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from apps.articles.clients.cleaning import clean_html, shortened
from apps.core.admin import link, when
from apps.core.admin.display import exact

SUMMARY_IN_LISTS = 160


def outside_link(url: str, label: str) -> SafeString:
    """A link to somebody else's page: new tab, no referrer, no way back to our window."""
    if not url:
        return format_html("{}", label)
    return format_html(
        '<a class="bjz-link" href="{}" target="_blank" rel="noopener noreferrer nofollow">{}</a>', url, label
    )


def moment(at: dt.datetime | None) -> SafeString:
    """For detail pages: the distance, and the exact time with its zone (decision 8)."""
    return when(None) if at is None else format_html('{} <span class="bjz-muted">{}</span>', when(at), exact(at))


def moment_field(name: str, description: Any) -> Callable[[Any, Any], SafeString]:
    """A read-only field of an admin that shows a time of the row in full."""

    @admin.display(description=description)
    def shown(_model_admin: Any, row: Any) -> SafeString:
        return moment(getattr(row, name))

    return shown


def headline(title: str, url: str, summary: str) -> SafeString:
    """Title, leading to the original, over the beginning of the summary."""
    return format_html(
        '<div class="bjz-headline">{}<p class="bjz-muted">{}</p></div>',
        outside_link(url, title),
        shortened(summary, SUMMARY_IN_LISTS),
    )


def foreign_html(content: str) -> SafeString:
    """Cleaned once more at the last moment: what is in the table may be older than the present rules."""
    return mark_safe(f'<div class="bjz-foreign">{clean_html(content)}</div>')  # noqa: S308  # nh3 allow-list, no media


def source_link(source_id: int | None, name: str) -> SafeString:
    return link(reverse("admin:articles_source_change", args=[source_id]) if source_id else None, name)
