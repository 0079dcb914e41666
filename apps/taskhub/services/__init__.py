"""Verbs of the task hub.  Other apps need ``enqueue``, ``enqueue_many`` and ``once``; beat calls the chores."""

from apps.taskhub.services.dispatch import check_epoch, publish_due, republish_unpublished
from apps.taskhub.services.enqueue import EnqueueOptions, enqueue, enqueue_each, enqueue_many, once
from apps.taskhub.services.operate import cancel_task, retry_task
from apps.taskhub.services.recovery import recover_orphans
from apps.taskhub.services.workers import ProcessReport, forget_old_processes, process_stopped, report_process

__all__ = [
    "EnqueueOptions",
    "ProcessReport",
    "cancel_task",
    "check_epoch",
    "enqueue",
    "enqueue_each",
    "enqueue_many",
    "forget_old_processes",
    "once",
    "process_stopped",
    "publish_due",
    "recover_orphans",
    "report_process",
    "republish_unpublished",
    "retry_task",
]
