"""Every route of the product.  Each app's API stands in its own ``api/urls.py``."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from apps.articles.api.demo import demo_article, demo_feed
from apps.articles.api.urls import mini_program_urlpatterns as articles_for_mini_program
from apps.events.api.urls import mini_program_urlpatterns as events_for_mini_program
from apps.fighters.api.urls import mini_program_urlpatterns as fighters_for_mini_program
from apps.users.admin import own_password
from project.system import system

urlpatterns: list[URLPattern | URLResolver] = [
    # Addresses are tried in this order: what readers ask all day stands first, and the shorter lists before the longer.
    path("api/v1/", include("apps.fighters.api.urls")),
    path("api/v1/", include("apps.events.api.urls")),
    path("api/v1/", include("apps.articles.api.urls")),
    path("api/v1/", include("apps.users.api.urls")),
    path("api/v1/", include("apps.orders.api.urls")),
    path("api/v1/", include("apps.audit.api.urls")),
    path("api/v1/", include("apps.scheduler.api.urls")),
    # After the apps that own an address below /tasks/: the hub's own takes any word there for the id of a task.
    path("api/v1/", include("apps.taskhub.api.urls")),
    path("api/", include(articles_for_mini_program)),
    path("api/", include(fighters_for_mini_program)),
    path("api/", include(events_for_mini_program)),
    path("", include("apps.core.api.urls")),
    path("demo/feed.xml", demo_feed, name="demo-feed"),
    path("demo/articles/<slug:slug>", demo_article, name="demo-article"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/system/", admin.site.admin_view(system), name="system"),
    # Before the site's own page of this address, which would save past the services.
    path("admin/password_change/", admin.site.admin_view(own_password), name="own-password"),
    path("admin/", admin.site.urls),
]
