"""Ending a worker of joblib when its parent has died."""

import multiprocessing
import os
import threading
import time
from functools import cache

__all__ = ["end_with_parent"]

_SECONDS = 1.0


@cache
def end_with_parent():
    """Watch the parent from now on, if this process is a worker of joblib's loky.

    Such a worker is not told when its parent is killed: it would finish its fits and
    then wait for another five minutes, with TensorFlow in memory.
    """
    process = multiprocessing.current_process()
    if process.name.startswith("LokyProcess"):
        # Not os.getppid(): the parent may have died before skdl was imported here.
        parent = vars(process)["_parent_pid"]
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent):
    # The system gives a process whose parent has died another parent.
    while os.getppid() == parent:
        time.sleep(_SECONDS)
    # sys.exit would end this thread only.
    os._exit(1)
