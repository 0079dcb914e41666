"""Who may call a view (decision 10).

    permission_classes = [requires("articles.review_pendingarticle")]
    permission_classes = [requires_by_method(GET="users.view_user", PUT="users.change_user")]

Without a token 401/1002, with one but without the right 403/1005.  A view that declares nothing refuses everybody:
``Undeclared`` is the default.
"""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

from rest_framework.permissions import SAFE_METHODS, BasePermission


class Undeclared(BasePermission):
    """The default of every view: refused until somebody decides."""

    def has_permission(self, request: Any, view: Any) -> bool:
        return False


class HasCodename(BasePermission):
    """Base of the classes that ``requires`` makes.  ``codenames`` maps a method, or "*", to a permission."""

    codenames: ClassVar[dict[str, str]] = {}

    def has_permission(self, request: Any, view: Any) -> bool:
        codename = self.codename_for(request.method)
        user = request.user
        return bool(codename and user and user.is_authenticated and user.has_perm(codename))

    @classmethod
    def codename_for(cls, method: str) -> str | None:
        """The permission a method needs; HEAD and OPTIONS need what GET needs.  None: nobody may."""
        name = "GET" if method in SAFE_METHODS else method
        return cls.codenames.get(name) or cls.codenames.get("*")


@cache
def requires(codename: str) -> type[HasCodename]:
    """A permission class for every method of a view."""
    return _permission({"*": codename})


def requires_by_method(**codenames: str) -> type[HasCodename]:
    """One permission per HTTP method; a method that is not named is refused."""
    return _permission(codenames)


def _permission(codenames: dict[str, str]) -> type[HasCodename]:
    for codename in codenames.values():
        if codename.count(".") != 1:
            raise ValueError(f"{codename!r} is not app_label.codename")
    return type("HasCodename", (HasCodename,), {"codenames": codenames})
