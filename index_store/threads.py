"""How much of the processors is taken by what computes: on a machine that is in use, more threads are often slower."""

import os
import sys
import threading
from contextlib import AbstractContextManager, suppress

from threadpoolctl import threadpool_limits

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
