"""What can go wrong here, in the words of the back-office."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.core.errors import Conflict, UpstreamFailed


class FeedUnreadable(UpstreamFailed):
    """The answer of a source is neither a feed nor anything else its parser reads."""

    default_message = _("The answer could not be read as a feed.")


class AlreadyReviewed(Conflict):
    """Somebody decided on this piece before."""

    default_message = _("This piece has been reviewed already.")


class ClaimedByAnother(Conflict):
    """Somebody else works on this piece."""

    default_message = _("Somebody else works on this piece.")


class WrongState(Conflict):
    """The article or request is in a state that does not allow this."""

    default_message = _("This is not possible in the present state.")
