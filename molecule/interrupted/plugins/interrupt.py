"""Kills ansible-playbook, as a power cut would, when a task has done its part: the one that INTERRUPT_AFTER names, or
the first that INTERRUPTED does not name yet.
"""

import json
import os

from ansible.executor.task_result import CallbackTaskResult
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: interrupt
type: aggregate
short_description: kills ansible-playbook after a task
description: For the scenarios interrupted and remove.
"""
LOCK = "Take the lock of this host"
IDLE = {"assert", "debug", "fail", "include_tasks", "set_fact", "stat", "validate_argument_spec"}
"""What changes nothing anywhere: after it, all is as it was before it."""


class CallbackModule(CallbackBase):
    """Sees each task that was not skipped."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "interrupt"

    def __init__(self) -> None:
        super().__init__()
        self._known = json.loads(os.environ.get("INTERRUPTED", "[]"))
        self._after = os.environ.get("INTERRUPT_AFTER")
        self._locked = False

    def v2_runner_on_ok(self, result: CallbackTaskResult) -> None:
        """End without a word to anybody."""
        name = result.task.get_name().rpartition(" : ")[2]
        # Before that, nothing changes.
        self._locked |= name == LOCK
        new = name not in self._known and result.task.action.rpartition(".")[2] not in IDLE
        if self._locked and (name == self._after if self._after else new):
            os.write(1, f"interrupted after: {name}\n".encode())
            os._exit(9)
