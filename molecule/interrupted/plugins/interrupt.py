"""Kills ansible-playbook, as a power cut would, where the task INTERRUPT_AT after the lock begins."""

import os

from ansible.playbook.task import Task
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: interrupt
type: aggregate
short_description: kills ansible-playbook at a task
description: For the scenario interrupted.
"""


class CallbackModule(CallbackBase):
    """Counts tasks as they begin."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "interrupt"

    def __init__(self) -> None:
        super().__init__()
        self._left = int(os.environ["INTERRUPT_AT"])
        self._locked = False

    def v2_playbook_on_task_start(self, task: Task, is_conditional: bool) -> None:
        """Count down, and end without a word to anybody."""
        # Before that, nothing changes.
        self._left -= self._locked
        self._locked |= task.get_name().endswith("Take the lock of this host")
        if self._left == 0:
            os.write(1, f"interrupted before: {task.get_name()}\n".encode())
            os._exit(9)
