from django.urls import URLPattern, URLResolver, path

from apps.users.api.accounts import MeView, UserListView, UserView
from apps.users.api.mail import EmailView
from apps.users.api.views import LogoutView, PasswordView, RefreshView, TokenView

urlpatterns: list[URLPattern | URLResolver] = [
    path("auth/token", TokenView.as_view(), name="auth-token"),
    path("auth/refresh", RefreshView.as_view(), name="auth-refresh"),
    path("auth/logout", LogoutView.as_view(), name="auth-logout"),
    path("auth/password", PasswordView.as_view(), name="auth-password"),
    path("users", UserListView.as_view(), name="users"),
    path("users/me", MeView.as_view(), name="users-me"),
    path("users/<str:user_id>", UserView.as_view(), name="user"),
    path("tasks/email", EmailView.as_view(), name="tasks-email"),
]
