"""A worker process that prepares chunks: it reads them from its parent and replies when each is written.

python -m skinexp.data.preparation.worker
"""

import os
import pickle
import queue
from typing import Any

from skinexp.core import child_processes


def main() -> None:
    """Answers chunk after chunk, until the parent ends: another process may be at work on the same file by then."""
    child_processes.ignore_interrupts()
    answers = child_processes.open_answers()
    messages: queue.SimpleQueue[Any] = queue.SimpleQueue()

    import cv2

    from skinexp.data.preparation import chunks

    cv2.setNumThreads(1)  # the processes are the parallelism
    child_processes.follow_objects(messages.put, on_end=lambda: os._exit(0))
    target = messages.get()
    while True:
        chunk = messages.get()
        try:
            answer: chunks.Written | Exception = chunks.write(chunk, target)
        except Exception as error:
            answer = error
        pickle.dump(answer, answers)
        answers.flush()


if __name__ == "__main__":
    main()
