"""How much of the processors is taken by what computes: on a machine that is in use, more threads are often slower."""

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TypeVar

from threadpoolctl import threadpool_limits

T = TypeVar("T")

_NICE = 10  # about a tenth of what a thread at 0 gets


def behind_others() -> None:
    """From now on this thread, and those that it starts, get a tenth of a core where others want it too.

    Of two cores that embedded without pause, fifty readers got their first words three times as late as with this, and
    the embedding took as long. What it locks meanwhile is held longer on a busy machine. Linux alone has such threads:
    elsewhere it would be the whole process, which stays as it is.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with suppress(OSError):  # where a container forbids it, it computes beside the others
            os.setpriority(os.PRIO_PROCESS, thread, max(_NICE, os.getpriority(os.PRIO_PROCESS, thread)))


def in_the_gaps(start: Callable[[], T]) -> T:
    """What `start` gives; its helper threads then compute only while no other thread wants their core (Linux).

    "Other" are those of the same session or container, where the system shares the processors among these.

    Beside helpers of a low priority alone (`behind_others`), what wakes up often was slowed more. But who is only in
    the gaps may be kept from running for minutes, so a thread that holds Python's lock must not be: whoever asks the
    helpers, and waits, is not. Few but root may lift a thread from there again.
    """

    def within() -> T:
        if sys.platform != "linux":
            return start()
        own, name = str(threading.get_native_id()), f"gaps-{threading.get_native_id()}"
        with suppress(OSError):  # where a container hides or forbids it, the helpers have their priority
            Path("/proc/thread-self/comm").write_text(name)  # they inherit the name
        started = start()
        with suppress(OSError):
            for task in Path("/proc/self/task").iterdir():
                with suppress(OSError):  # it has ended
                    if task.name != own and (task / "comm").read_text().strip() == name:
                        os.sched_setscheduler(int(task.name), os.SCHED_IDLE, os.sched_param(0))
        return started

    with ThreadPoolExecutor(1) as one:
        return one.submit(within).result()


def matrices_on_one_thread() -> None:
    """From now on lets whoever asks for a product of matrices compute it alone, in the whole process.

    The helpers of OpenBLAS wait for the next ones on a core of their own, and those of a search are small: with them a
    comparison took twice the processor time.
    """
    threadpool_limits(1, user_api="blas")


def on_one_thread() -> AbstractContextManager[object]:
    """What scikit-learn computes within takes one thread: those of t-SNE wait for each other at every step.

    1 s becomes 28 s where another process is busy on one of two cores.
    """
    limits: AbstractContextManager[object] = threadpool_limits(1, user_api="openmp")
    return limits
