"""Work ahead: the next part of a file is read while the database takes in the last one."""

import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

_END = object()


@contextmanager
def prefetch(items: Iterable) -> Iterator[Iterator]:
    """Run an iterator in a thread of its own, one item ahead of who consumes it.

    An exception of the iterator is raised to the consumer, in its place. Leaving the context ends the thread.
    """
    ahead, stopped = queue.Queue(maxsize=1), threading.Event()

    def put(item):
        while not stopped.is_set():
            try:
                return ahead.put(item, timeout=0.1)
            except queue.Full:
                continue

    def work():
        iterator = iter(items)
        try:
            for item in iterator:
                put((item, None))
                if stopped.is_set():
                    return
            put((_END, None))
        except BaseException as error:  # whatever it is, the consumer gets it
            put((_END, error))
        finally:
            if hasattr(iterator, "close"):
                iterator.close()

    def consume():
        while True:
            item, error = ahead.get()
            if error:
                raise error
            if item is _END:
                return
            yield item

    thread = threading.Thread(target=work, name="call records ahead", daemon=True)
    thread.start()
    try:
        yield consume()
    finally:
        stopped.set()
        thread.join()
