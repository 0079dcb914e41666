"""What can go wrong here, in the words of the back-office."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.core.errors import Conflict, Invalid, NotFound, PreconditionFailed, UpstreamFailed


class NoSuchEvent(NotFound):
    default_message = _("There is no such event.")


class NoSuchBout(NotFound):
    default_message = _("There is no such bout.")


class MoveNotAllowed(Conflict):
    """The state it is in does not lead where somebody wants it."""

    default_message = _("This can't follow the present state.")


class BoutChanged(PreconditionFailed):
    """Another operator or a source was faster; ``details`` holds the version that is there now."""

    default_message = _("This bout was changed in the meantime: look at it again.")


class NothingToUndo(Conflict):
    default_message = _("There is nothing to undo any more.")


class ImpossibleResult(Invalid):
    default_message = _("This result can't be.")


class FeedUnreadable(UpstreamFailed):
    """The provider answered something that is no scoreboard."""

    default_message = _("The answer of the provider could not be read.")
