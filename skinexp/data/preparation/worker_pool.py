"""A pool of worker processes, each of which gets its next chunk when it has answered the last."""

import pickle
import queue
from collections.abc import Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import ExitStack
from itertools import islice

from skinexp.core.child_processes import ChildProcess
from skinexp.core.errors import UserError
from skinexp.data.preparation.chunks import Chunk, Target, Written

KILLED = 9  # signal.SIGKILL, a name that Windows lacks
VARIABLES = {  # environment of a worker
    "OPENBLAS_NUM_THREADS": "1",  # NumPy's; it would start one for each core
    # Linux's allocator then keeps the memory of one picture for the next, which saves a tenth of the time.
    "MALLOC_MMAP_THRESHOLD_": str(2**25),
    "MALLOC_TRIM_THRESHOLD_": str(2**27),
}


def write_all(chunks: Iterable[Chunk], target: Target, processes: int) -> Generator[Written, None, None]:
    """Has chunks written in parallel, as many at a time as there are processes; they come back as they are done."""
    with ExitStack() as stack:
        workers = [stack.enter_context(Worker(target)) for _ in range(processes)]
        threads = stack.enter_context(ThreadPoolExecutor(processes))  # that wait, one for each process
        for worker in workers:
            stack.callback(worker.stop)  # before the threads are waited for: they wait for the processes
        idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        for worker in workers:
            idle.put(worker)

        def write(chunk: Chunk) -> Written:
            worker = idle.get()
            try:
                return worker.write(chunk)
            finally:
                idle.put(worker)

        left = iter(chunks)
        under_way = {threads.submit(write, chunk) for chunk in islice(left, processes)}
        while under_way:
            done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            under_way |= {threads.submit(write, chunk) for chunk in islice(left, len(done))}
            for future in done:
                yield future.result()


class Worker:
    """One process; see `skinexp.data.preparation.worker`."""

    def __init__(self, target: Target) -> None:
        self._process = ChildProcess("skinexp.data.preparation.worker", variables=VARIABLES, option="data.workers=1")
        self._target: Target | None = target  # sent with the first chunk

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.close()

    def write(self, chunk: Chunk) -> Written:
        """Has a chunk written, and waits for that.

        Raises:
            UserError: if the process was killed.
            Exception: whatever the process met.
        """
        try:
            if self._target is not None:
                self._process.send(pickle.dumps(self._target))
                self._target = None
            self._process.send(pickle.dumps(chunk))
            answer = pickle.load(self._process.answers)
        except (EOFError, BrokenPipeError) as error:
            raise _ended(self._process.wait(), chunk) from error
        if isinstance(answer, Exception):
            raise answer
        return answer

    def stop(self) -> None:
        """Ends the process, whatever it does."""
        self._process.kill()


def _ended(code: int, chunk: Chunk) -> Exception:
    rows = f"images {chunk.first} to {chunk.first + chunk.size - 1}"
    if code == -KILLED:
        return UserError(
            f"data.workers: the system killed a process that prepared {rows}, most often because memory ran out. The "
            f"images prepared so far are kept. Try again with fewer processes, such as data.workers=1"
        )
    return RuntimeError(f"a process that prepared {rows} ended with code {code}")
