"""Tasks and worker groups in the back-office."""

from apps.taskhub.admin.tasks import TaskAdmin
from apps.taskhub.admin.workers import WorkerAdmin

__all__ = ["TaskAdmin", "WorkerAdmin"]
