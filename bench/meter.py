"""Run a command and print what it cost, as JSON. A small process of its own: a child's ru_maxrss begins with its
parent's memory (getrusage(2)), so the parent must be smaller than what is measured. Run with python -I -S."""

import os
import sys
import time

began = time.monotonic()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(child, 0)
took = time.monotonic() - began
code = os.waitstatus_to_exitcode(status)
sys.stdout.write(
    f'{{"code": {code}, "wall_ms": {took * 1000:.2f}, "peak_mb": {usage.ru_maxrss / 1000:.2f}, '
    f'"cpu_ms": {(usage.ru_utime + usage.ru_stime) * 1000:.2f}}}\n'
)
