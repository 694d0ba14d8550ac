"""Import TensorFlow without the lines that it writes while it is loaded."""

import os
import sys
import tempfile

__all__ = ["import_tensorflow"]


def import_tensorflow():
    """Import Keras and TensorFlow, and show what they write only if that fails.

    TF_CPP_MIN_LOG_LEVEL silences what comes later: TensorFlow 2.21 writes some lines
    before it has read it. A script may take stderr away for these seconds, which a
    package should not.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "keras" in sys.modules:
        return
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            import keras  # noqa: F401  imports TensorFlow
        except BaseException:
            held.seek(0)
            os.write(stderr, held.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
