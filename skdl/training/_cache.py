"""The program cache: lends compiled programs, one borrower at a time."""

import os
import threading
from collections import OrderedDict
from contextlib import contextmanager

import skdl.nn._backend  # noqa: F401
from skdl._utils._orphans import end_with_parent

__all__ = ["ProgramCache", "check_process", "programs"]


class ProgramCache:
    """Lends programs and keeps a bounded number of those that came back.

    Parameters
    ----------
    max_idle : int, default=32
        How many idle programs are kept; the least recently used one is dropped
        first.
    """

    def __init__(self, max_idle=32):
        self._max_idle = max_idle
        self._idle = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def lend(self, spec, make_program):
        """Lend a program for ``spec``, compiling one if all of them are lent out.

        A program whose borrower is interrupted is not taken back. One whose borrower
        raised an ordinary exception is: the next one loads all that it uses.

        Parameters
        ----------
        spec : NetworkSpec or ModelSpec
            What the program is compiled for.
        make_program : callable
            Returns a new program for ``spec``; the program has it as attribute.

        Raises
        ------
        RuntimeError
            In a process that was forked from one which had used TensorFlow already.
        """
        check_process()
        end_with_parent()
        program = self._borrow(spec) or make_program()
        try:
            yield program
        except Exception:
            self._give_back(program)
            raise
        self._give_back(program)

    def clear(self):
        """Forget all programs that are not lent out."""
        with self._lock:
            self._idle.clear()

    def __len__(self):
        with self._lock:
            return self._count()

    def _count(self):
        return sum(len(programs) for programs in self._idle.values())

    def _borrow(self, spec):
        with self._lock:
            idle = self._idle.get(spec)
            if not idle:
                return None
            program = idle.pop()
            if not idle:
                del self._idle[spec]
            return program

    def _give_back(self, program):
        with self._lock:
            self._idle.setdefault(program.spec, []).append(program)
            self._idle.move_to_end(program.spec)
            while self._count() > self._max_idle:
                oldest = next(iter(self._idle))
                self._idle[oldest].pop(0)
                if not self._idle[oldest]:
                    del self._idle[oldest]


class _Process:
    """Remembers which process has used TensorFlow first."""

    number: int | None = None


def check_process():
    """Check that this process was not forked from one that had used TensorFlow.

    Raises
    ------
    RuntimeError
        If it was: TensorFlow's threads are missing here, and it would wait for them.
    """
    # A forked process inherits the number of its parent.
    if _Process.number is None:
        _Process.number = os.getpid()
    if _Process.number != os.getpid():
        raise RuntimeError(
            "This process was forked from one that had used TensorFlow already, and "
            "TensorFlow would hang here. Use threads "
            "(joblib.parallel_config('threading')) or joblib's default 'loky' workers "
            "in place of forked ones; a server should load its model after the fork."
        )


programs = ProgramCache()
