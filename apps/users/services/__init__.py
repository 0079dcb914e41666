"""Everything that changes a user, by subject.  Import the subject: ``from apps.users.services.roles import …``."""
