"""The scheduler in the back-office: schedules with their health, and the history of their due times."""

from apps.scheduler.admin.executions import TaskExecutionAdmin
from apps.scheduler.admin.schedules import ScheduledTaskAdmin

__all__ = ["ScheduledTaskAdmin", "TaskExecutionAdmin"]
