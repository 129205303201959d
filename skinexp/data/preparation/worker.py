"""A process that prepares chunks: it reads them from its standard input and answers on its standard output.

    python -m skinexp.data.preparation.worker

It is not one of `multiprocessing`'s: those import the parent's main module again, with all that it imports, and stay
behind for ever when the parent is killed. This one ends with its input, whatever it does just then.
"""

import os
import pickle
import queue
import signal
import sys
import threading
from typing import Any


def main() -> None:
    """Answers chunk after chunk."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the parent decides what follows
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not stand among the answers
    messages: queue.SimpleQueue[Any] = queue.SimpleQueue()

    import cv2

    from skinexp.data.preparation import chunks

    cv2.setNumThreads(1)  # the processes are the parallelism
    threading.Thread(target=_receive, args=(messages,), daemon=True).start()
    target = messages.get()
    while True:
        chunk = messages.get()
        try:
            answer: chunks.Written | Exception = chunks.write(chunk, target)
        except Exception as error:
            answer = error
        pickle.dump(answer, answers)
        answers.flush()


def _receive(messages: "queue.SimpleQueue[Any]") -> None:
    """Hands on what comes in; where the input ends, so does the process: another may be at work on the same file."""
    try:
        while True:
            messages.put(pickle.load(sys.stdin.buffer))
    except EOFError:
        os._exit(0)


if __name__ == "__main__":
    main()
