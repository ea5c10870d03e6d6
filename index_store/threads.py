"""How much of the processors is taken by what computes: on a machine that is in use, more threads are often slower."""

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from typing import TypeVar

from threadpoolctl import threadpool_limits

T = TypeVar("T")

_NICE = 10  # about a tenth of what a thread at 0 gets


def behind_others() -> None:
    """From now on lets this thread, and those that it starts, compute with what the others leave of the processors.

    Of two cores that embedded without pause, fifty readers got their first words three times as late as with this, and
    the embedding took as long. What it locks meanwhile is held longer on a busy machine, and helpers that OpenVINO
    started before keep their priority. Linux alone has such threads: elsewhere it would be the whole process, which
    stays as it is.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with suppress(OSError):  # where a container forbids it, it computes beside the others
            os.setpriority(os.PRIO_PROCESS, thread, max(_NICE, os.getpriority(os.PRIO_PROCESS, thread)))


def in_the_gaps(start: Callable[[], T]) -> T:
    """What `start` gives, whose helper threads compute only while nothing else on the machine wants their core (Linux).

    The thread that waits for them is not among them: a thread that holds Python's lock must not stand behind others.
    With a low priority alone (`behind_others`) a thread that wakes up beside them waits up to 3 ms for its turn, and a
    question wakes up dozens of times.
    """

    def within() -> T:
        if sys.platform == "linux":
            with suppress(OSError):
                os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))  # of this thread; its helpers inherit it
        return start()

    with ThreadPoolExecutor(1, thread_name_prefix="gaps") as own:
        return own.submit(within).result()


def out_of_the_gaps() -> None:
    """Lets the helpers of `in_the_gaps` compete again, at their priority: who is always last may wait for days."""
    if sys.platform == "linux":
        for each in os.listdir("/proc/self/task"):
            with suppress(OSError):  # it has ended
                if os.sched_getscheduler(int(each)) == os.SCHED_IDLE:
                    os.sched_setscheduler(int(each), os.SCHED_OTHER, os.sched_param(0))


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
