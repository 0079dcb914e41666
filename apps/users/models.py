"""Users: people who sign in, staff and customers alike (A.1, decision 4), and their sign-ins by token."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any, ClassVar

from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import AbstractBaseUser, PermissionsMixin
from django.core.validators import MinLengthValidator, RegexValidator
from django.db import models
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.users.querysets import EmailQuerySet, TokenSessionQuerySet, UserManager, fold

USERNAME_MIN_LENGTH = 3
# Case folding makes up to three characters of one, compatibility up to eighteen: services ask before they write.
FOLDED_USERNAME_LENGTH = 150
FOLDED_EMAIL_LENGTH = 300
# How long a message may rest in a state that its task should move on: longer than the hard limit of the task that
# sends, and than the longest pause between two tries.
STALE_AFTER = {"claimed": timedelta(minutes=10), "sending": timedelta(minutes=10), "waiting": timedelta(hours=1)}


class FoldedField(models.CharField):
    """The folded copy of another field of the same row, computed whenever the row is written."""

    def __init__(self, *args: Any, source: str = "", **kwargs: Any) -> None:
        self.source = source
        super().__init__(*args, **{"editable": False, **kwargs})

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        return name, path, list(args), {**kwargs, "source": self.source}

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        value = fold(getattr(model_instance, self.source))
        setattr(model_instance, self.attname, value)
        return value


class User(AbstractBaseUser, PermissionsMixin):
    """One person.  A deleted row keeps its name; ``deleted_key`` (0 while alive, else the id) frees it for others.

    Change rows through ``users.services`` only.  Whoever saves ``username`` or ``email`` by ``update_fields`` names
    the ``…_key`` beside it (``IDENTITY_FIELDS``).
    """

    class Status(models.TextChoices):
        ACTIVE = "active", pgettext_lazy("user status", "active")
        INACTIVE = "inactive", pgettext_lazy("user status", "inactive")
        LOCKED = "locked", pgettext_lazy("user status", "locked")

    IDENTITY_FIELDS: ClassVar[tuple[str, ...]] = ("username", "username_key", "email", "email_key")

    username = models.CharField(
        _("user name"),
        max_length=50,
        validators=[
            MinLengthValidator(USERNAME_MIN_LENGTH),
            # No "@": a name with one is an e-mail address, so signing in with either is never ambiguous.
            RegexValidator(r"\A[\w.+-]+\Z", _("Only letters, digits and . + - _ are allowed.")),
        ],
    )
    email = models.EmailField(_("e-mail"), max_length=100)
    username_key = FoldedField(max_length=FOLDED_USERNAME_LENGTH, source="username")
    email_key = FoldedField(max_length=FOLDED_EMAIL_LENGTH, source="email")
    password = models.CharField(_("password"), max_length=255, editable=False)
    status = models.CharField(_("status"), max_length=20, choices=Status.choices, default=Status.ACTIVE)
    language = models.CharField(_("language"), max_length=10, default="zh-hans")
    is_staff = models.BooleanField(_("staff"), default=False)
    is_demo = models.BooleanField(_("demo user"), default=False, editable=False)
    last_login_at = models.DateTimeField(_("last sign-in"), null=True, blank=True, editable=False)
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)
    deleted_at = models.DateTimeField(_("deleted at"), null=True, blank=True, db_index=True, editable=False)
    deleted_key = models.PositiveBigIntegerField(default=0, editable=False)

    # Counts up when every browser has to sign in again: it is part of what a session is checked against.
    sign_in_epoch = models.PositiveIntegerField(default=0, editable=False)

    # Django's own column is replaced by last_login_at, which our sign-in writes together with its audit event.
    last_login = None

    objects = UserManager()

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["email"]

    class Meta:
        db_table = "tb_user"
        verbose_name = _("user")
        verbose_name_plural = _("users")
        default_permissions = ("view", "change", "delete")
        constraints = [
            models.UniqueConstraint(fields=["username_key", "deleted_key"], name="uk_user_username"),
            models.UniqueConstraint(fields=["email_key", "deleted_key"], name="uk_user_email"),
            models.CheckConstraint(
                condition=models.Q(deleted_at__isnull=True, deleted_key=0)
                | models.Q(deleted_at__isnull=False, deleted_key__gt=0),
                name="ck_user_deleted",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=["active", "inactive", "locked"]), name="ck_user_status"
            ),
        ]
        indexes = [models.Index(fields=["status"], name="idx_user_status")]

    def __str__(self) -> str:
        return self.username

    def check_password(self, raw_password: str | None) -> bool:
        """Compare only.  Django would also save a stronger hash; here ``services.sign_in`` does, and records it."""
        return check_password(raw_password, self.password)

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """A browser's session is good while neither password nor epoch has changed since it began."""
        if not self.sign_in_epoch:
            return super()._get_session_auth_hash(secret)  # type: ignore[misc, no-any-return]
        return salted_hmac(
            "apps.users.models.session", f"{self.sign_in_epoch} {self.password}", secret=secret, algorithm="sha256"
        ).hexdigest()

    @property
    def is_active(self) -> bool:  # type: ignore[override]
        """May act right now: asked at sign-in and again on every request."""
        return self.status == self.Status.ACTIVE and self.deleted_at is None


class TokenSession(models.Model):
    """One sign-in through the API: a family of refresh tokens of which only the newest (``current_jti``) is good.

    Every token carries the id of its session.  An older refresh token that comes back was stolen or sent twice, and
    closes the session for all of them.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="token_sessions", verbose_name=_("user"))
    current_jti = models.CharField(max_length=64)
    client_ip = models.CharField(_("client address"), max_length=45, blank=True)
    user_agent = models.CharField(_("user agent"), max_length=255, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    refreshed_at = models.DateTimeField(_("last refreshed"))
    expires_at = models.DateTimeField(_("expires at"))
    revoked_at = models.DateTimeField(_("closed at"), null=True, blank=True)
    revoked_reason = models.CharField(_("reason"), max_length=40, blank=True)

    objects = TokenSessionQuerySet.as_manager()

    class Meta:
        db_table = "tb_token_session"
        verbose_name = _("sign-in by token")
        verbose_name_plural = _("sign-ins by token")
        default_permissions = ()
        indexes = [models.Index(fields=["expires_at"], name="idx_token_session_expires")]

    def __str__(self) -> str:
        return self.client_ip or str(self.pk)


class IdempotentRequest(models.Model):
    """The answer to one POST with an ``Idempotency-Key`` (``services.idempotency``); forgotten after a day.

    Neither key nor request can be read from it: both are digests.  A committed row always has its answer, because the
    row and the effect commit together; ``status`` 0 is seen only inside the transaction that made it.
    """

    key = models.CharField(primary_key=True, max_length=64, editable=False)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    headers = models.JSONField(default=dict)
    body = models.TextField(blank=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "tb_idempotent_request"
        verbose_name = _("answered request")
        verbose_name_plural = _("answered requests")
        default_permissions = ()
        indexes = [models.Index(fields=["created_at"], name="idx_idempotent_request_created")]

    def __str__(self) -> str:
        return self.key


class Email(models.Model):
    """One message to be sent, and how far it got (B.1, B-3).  The request id is what makes it single.

    ``claim`` names the attempt that holds it (``<task>:<attempt>``): only the holder may move it on, so an attempt
    that was given up for dead and wakes again sends nothing.  ``sending`` is committed just before the first byte of
    the content leaves; a message found there without its holder may or may not have arrived (``unclear``).  Text and
    files of old ones are dropped (``content_dropped_at``), the row stays for its request id.
    """

    class State(models.TextChoices):
        WAITING = "waiting", pgettext_lazy("e-mail state", "waiting")
        CLAIMED = "claimed", pgettext_lazy("e-mail state", "being prepared")
        SENDING = "sending", pgettext_lazy("e-mail state", "being sent")
        SENT = "sent", pgettext_lazy("e-mail state", "sent")
        FAILED = "failed", pgettext_lazy("e-mail state", "failed")
        UNCLEAR = "unclear", pgettext_lazy("e-mail state", "unclear")
        HELD = "held", pgettext_lazy("e-mail state", "held back")

    request_id = models.CharField(_("request id"), max_length=128)
    task_id = models.CharField(_("task"), max_length=128)
    message_id = models.CharField("Message-ID", max_length=255)
    sender = models.CharField(_("sender"), max_length=320)
    to = models.JSONField(_("to"), default=list)
    cc = models.JSONField("Cc", default=list)
    recipients = models.TextField(_("recipients"), help_text=_("All addresses in one line, to search in"))
    subject = models.CharField(_("subject"), max_length=255)
    text = models.TextField(_("text"), blank=True)
    html = models.TextField(_("HTML text"), blank=True)
    digest = models.CharField(max_length=64, editable=False)
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.WAITING)
    claim = models.CharField(max_length=160, blank=True, default="", editable=False)
    refused = models.JSONField(_("refused recipients"), default=dict, blank=True)
    last_error = models.TextField(_("last error"), blank=True, default="")
    requested_by = models.CharField(_("requested by"), max_length=160, blank=True, default="")
    sending_at = models.DateTimeField(_("handed over"), null=True, blank=True)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    content_dropped_at = models.DateTimeField(_("content dropped"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = EmailQuerySet.as_manager()

    class Meta:
        db_table = "emails"
        verbose_name = _("e-mail")
        verbose_name_plural = _("sent e-mails")
        default_permissions = ("view",)
        permissions = [("send_email", "Can send e-mails")]
        constraints = [models.UniqueConstraint(fields=["request_id"], name="uk_email_request_id")]
        indexes = [
            models.Index(fields=["state", "-id"], name="idx_email_state"),
            models.Index(fields=["created_at"], name="idx_email_created_at"),
            # What the nightly clean-up still has to empty.
            models.Index(fields=["content_dropped_at", "created_at"], name="idx_email_content"),
        ]

    def __str__(self) -> str:
        return self.subject

    @property
    def needs_a_decision(self) -> bool:
        """A person has to say what happened, or whether to try again: also when its task was cut off long ago."""
        if self.content_dropped_at is not None:
            return False
        if self.state in STALE_AFTER:
            return timezone.now() - self.updated_at > STALE_AFTER[self.state]
        return self.state in (self.State.UNCLEAR, self.State.FAILED, self.State.HELD)


class EmailAttachment(models.Model):
    """A file of a message.  Its content is dropped once the message is sent; what it was stays on record."""

    email = models.ForeignKey(Email, models.CASCADE, related_name="attachments", verbose_name=_("e-mail"))
    position = models.PositiveSmallIntegerField(_("position"))
    filename = models.CharField(_("file name"), max_length=150)
    content_type = models.CharField(_("type"), max_length=100)
    size = models.PositiveIntegerField(_("bytes"))
    sha256 = models.CharField("SHA-256", max_length=64)

    class Meta:
        db_table = "email_attachments"
        verbose_name = _("attachment")
        verbose_name_plural = _("attachments")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["email", "position"], name="uk_email_attachment_position")]

    def __str__(self) -> str:
        return self.filename


class EmailAttachmentPart(models.Model):
    """A piece of a file: no single value grows beyond what every database takes in one packet."""

    attachment = models.ForeignKey(EmailAttachment, models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        db_table = "email_attachment_parts"
        verbose_name = _("piece of an attachment")
        verbose_name_plural = _("pieces of attachments")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["attachment", "number"], name="uk_email_part_number")]

    def __str__(self) -> str:
        return f"{self.attachment_id} #{self.number}"
