"""One live line of progress over the epochs of a fit."""

import sys
from threading import Lock

from tqdm import tqdm

from skdl._utils._callbacks import Watcher

__all__ = ["ProgressLine"]

SECONDS_BETWEEN_LOG_LINES = 5


class ProgressLine(Watcher):
    """Shows epoch, loss, metrics and the time left while a fit runs.

    On a terminal one line is drawn again and again; in a log file a line is added
    every few seconds.

    Parameters
    ----------
    title : str
        Text in front of the line.
    epochs : int
        Number of epochs.
    """

    def __init__(self, title, epochs):
        self._title = title
        self._epochs = epochs
        self._lock = Lock()

    def begin(self, read):
        """Draw the first line."""
        stream = sys.stdout
        live = stream.isatty()
        self._bar = tqdm(
            total=self._epochs,
            desc=self._title,
            bar_format="{desc}: {n_fmt}/{total_fmt} epochs, {remaining} left{postfix}",
            file=stream if live else _LineWriter(stream),
            mininterval=0.1 if live else SECONDS_BETWEEN_LOG_LINES,
            dynamic_ncols=live,
        )

    def __enter__(self):
        self.begin(None)
        return self

    def __exit__(self, *_):
        self.end()

    def epoch_end(self, epoch, logs):
        """Advance the line."""
        figures = {name: f"{value:.4g}" for name, value in logs.items()}
        # A refresh would draw at each epoch; update draws at most at the interval. The
        # members of an ensemble share a line, and each runs in a thread.
        with self._lock:
            self._bar.set_postfix(figures, refresh=False)
            self._bar.update()

    def end(self):
        """Draw the last line."""
        self._bar.close()


class _LineWriter:
    """Ends each drawing of the line, where tqdm would go back to its start."""

    def __init__(self, stream):
        self._stream = stream

    def write(self, text):
        text = text.strip("\r\n ")
        if text:
            self._stream.write(text + "\n")

    def flush(self):
        self._stream.flush()
