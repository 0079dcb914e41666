"""How the back-office looks: the settings of django-unfold.  What stands in the sidebar is ``project.navigation``."""

from __future__ import annotations

from typing import Any

from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _

# Ink: a cool grey with little colour of its own, so that states stand out.
BASE = {
    "50": "oklch(98.4% .003 225)",
    "100": "oklch(96.4% .004 225)",
    "200": "oklch(92.3% .006 225)",
    "300": "oklch(86.6% .009 225)",
    "400": "oklch(71.5% .014 225)",
    "500": "oklch(53% .018 225)",
    "600": "oklch(43.5% .018 225)",
    "700": "oklch(36.5% .017 225)",
    "800": "oklch(27.5% .014 225)",
    "900": "oklch(20.5% .012 225)",
    "950": "oklch(14.5% .01 225)",
}
# Teal: none of the colours that mean success, warning or danger.  600 on white and 500 on ink both reach 4.5 : 1.
PRIMARY = {
    "50": "oklch(98.2% .014 190)",
    "100": "oklch(95% .035 190)",
    "200": "oklch(90.5% .065 190)",
    "300": "oklch(84.5% .09 190)",
    "400": "oklch(77% .105 190)",
    "500": "oklch(72% .105 190)",
    "600": "oklch(50% .088 192)",
    "700": "oklch(43.5% .076 193)",
    "800": "oklch(38% .064 194)",
    "900": "oklch(33% .052 195)",
    "950": "oklch(24% .04 196)",
}
FONT = {
    "subtle-light": "var(--color-base-500)",
    "subtle-dark": "var(--color-base-400)",
    "default-light": "var(--color-base-700)",
    "default-dark": "var(--color-base-300)",
    "important-light": "var(--color-base-900)",
    "important-dark": "var(--color-base-100)",
}

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": _("Bajiaozhi"),
    "SITE_HEADER": _("Bajiaozhi"),
    "SITE_URL": None,
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("bajiaozhi/mark.svg")},
    ],
    "STYLES": [lambda request: static("bajiaozhi/admin.css")],
    "SCRIPTS": [lambda request: static("bajiaozhi/admin.js")],
    "COLORS": {"base": BASE, "primary": PRIMARY, "font": FONT},
    "BORDER_RADIUS": "5px",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "SHOW_BACK_BUTTON": True,
    "LOGIN": {"form": "apps.users.backends.BackOfficeSignInForm"},
    "DASHBOARD_CALLBACK": "project.dashboard.dashboard",
    "SIDEBAR": {
        "show_search": False,
        "command_search": False,
        "show_all_applications": False,
        "navigation": "project.navigation.sidebar",
    },
}
