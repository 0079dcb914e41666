"""From the rows of django-celery-beat to a rule, and to words for people."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from cron_descriptor import FormatException, MissingFieldException, Options, WrongArgumentException, get_description
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from apps.scheduler.due_times import EPOCH, BoundedRule, ClockedRule, CronRule, IntervalRule, Rule, upcoming
from apps.scheduler.errors import BadRule
from apps.scheduler.models import ScheduledTask


def rule_of(schedule: ScheduledTask) -> Rule:
    """The rule of a schedule from ``with_definition``.

    Raises BadRule for what we can't compute: no rule at all, solar rules, fields that cronsim refuses, a zone that
    nobody knows, whatever else somebody wrote into the rows.
    """
    definition = schedule.definition
    if definition is None:
        raise BadRule(_("The definition was deleted."))
    try:
        return BoundedRule(_plain_rule(schedule, definition), start=definition.start_time, end=definition.expires)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise BadRule(_("The rule can't be computed: look at its zone and numbers.")) from error


def _plain_rule(schedule: ScheduledTask, definition: PeriodicTask) -> Rule:
    if definition.crontab is not None:
        return CronRule(cron_text(definition.crontab), ZoneInfo(schedule.zone_name))
    if definition.interval is not None:
        return IntervalRule(_length(definition.interval), definition.start_time or EPOCH)
    if definition.clocked is not None:
        return ClockedRule(definition.clocked.clocked_time)
    if definition.solar is not None:
        raise BadRule(_("Rules by the position of the sun are not supported."))
    raise BadRule(_("The schedule has no rule."))


def problem_of(schedule: ScheduledTask) -> str:
    """Why the schedule can't be followed, in the reader's language; empty when it can."""
    if schedule.problem:
        try:
            rule_of(schedule)
        except BadRule as error:
            return str(error)
    return schedule.problem


def cron_text(crontab: CrontabSchedule) -> str:
    """The five fields as a cron line.  A field may hold spaces after its commas; cron's may not."""
    fields = (crontab.minute, crontab.hour, crontab.day_of_month, crontab.month_of_year, crontab.day_of_week)
    return " ".join("".join(str(field).split()) for field in fields)


def interval_seconds(schedule: ScheduledTask) -> int | None:
    """Length of an interval schedule; None for others and for one that makes no sense."""
    interval = schedule.definition.interval if schedule.definition is not None else None
    if interval is None:
        return None
    try:
        return int(_length(interval).total_seconds())
    except (ArithmeticError, TypeError):
        return None


def _length(interval: IntervalSchedule) -> timedelta:
    return timedelta(**{interval.period: interval.every})


def next_runs(schedule: ScheduledTask, moment: datetime, *, count: int) -> list[datetime]:
    """The next due times of an enabled schedule; none when its rule has a problem."""
    definition = schedule.definition
    if definition is None or not schedule.enabled or schedule.next_run is None:
        return []
    try:
        rule = rule_of(schedule)
    except BadRule:
        return []
    times = upcoming(rule, moment, count=count)
    return times[:1] if definition.one_off else times


def in_words(schedule: ScheduledTask) -> str:
    """The rule in the reader's language; the rule itself where words are lacking."""
    definition = schedule.definition
    if definition is None:
        return _("The definition was deleted.")
    if definition.crontab is not None:
        return _cron_in_words(cron_text(definition.crontab))
    seconds = interval_seconds(schedule)
    if seconds is not None:
        return _interval_in_words(seconds)
    if definition.clocked is not None:
        moment = timezone.localtime(definition.clocked.clocked_time)
        return _("once, at %(time)s") % {"time": date_format(moment, "Y-m-d H:i:s")}
    return _("no rule")


def zone_of(schedule: ScheduledTask) -> str:
    """Name of the zone that the rule is read in."""
    return schedule.zone_name or timezone.get_default_timezone_name()


def local_text(schedule: ScheduledTask, moment: datetime) -> str:
    """A due time by the clock of the schedule's own zone, with its offset: summer time shows."""
    local = moment.astimezone(ZoneInfo(zone_of(schedule)))
    return f"{local:%Y-%m-%d %H:%M:%S} (UTC{local:%z})"


def _cron_in_words(text: str) -> str:
    options = Options()
    options.use_24hour_time_format = True
    options.locale_code = "zh_CN" if (get_language() or "").startswith("zh") else "en_US"
    try:
        words: str = get_description(text, options)
    except (FormatException, MissingFieldException, WrongArgumentException):
        return text
    return words


def _interval_in_words(seconds: int) -> str:
    if seconds % 86_400 == 0 and seconds:
        days = seconds // 86_400
        return ngettext("every day", "every %(count)d days", days) % {"count": days}
    if seconds % 3600 == 0 and seconds:
        hours = seconds // 3600
        return ngettext("every hour", "every %(count)d hours", hours) % {"count": hours}
    if seconds % 60 == 0 and seconds:
        minutes = seconds // 60
        return ngettext("every minute", "every %(count)d minutes", minutes) % {"count": minutes}
    return ngettext("every second", "every %(count)d seconds", seconds) % {"count": seconds}
