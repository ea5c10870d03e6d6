"""How many threads the libraries take that compute: on a machine that is in use, more of them are often slower."""

from contextlib import AbstractContextManager

from threadpoolctl import threadpool_limits


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
