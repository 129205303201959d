"""Claim: phantoms are drawn at 100 images a second and more on one core, at 128 px.

    python benchmarks/phantoms.py [--sizes 64 224 450] [--count 200] [--runs 3]

The default phantoms, with all that disturbs them. Processor seconds count, not the clock's: drawing waits for nothing,
and other work on the machine does not slow it down then. The last row is the clock's: as many worker processes as there
are cores, as a preparation starts them, at 128 px and without further preparation than bringing them to 64 px. One
minute on two cores.
"""

import argparse
import os
import tempfile
import time

import cv2
from measure import Goal, Row, figure, report

from skinexp.config.schema import Data, Phantom, Preprocess
from skinexp.data import phantom
from skinexp.data.preparation import image_cache
from skinexp.data.sources import registry

ASKED, AT = 100, 128  # images a second, pixels a side


def drawn(size: int, count: int) -> float:
    """Images that a processor second suffices for."""
    options = Phantom(size=size)
    start = time.process_time()
    for index in range(count):
        phantom.render(0, index, options)
    return count / (time.process_time() - start)


def prepared(count: int) -> float:
    """Images a second from nothing to the cache, in all cores."""
    with tempfile.TemporaryDirectory() as cache:
        options = Data(
            name="phantom",
            cache=cache,
            phantom=Phantom(images=count, size=AT),
            preprocess=Preprocess(size=64, crop_border=False, remove_hair=False),
        )
        start = time.perf_counter()
        image_cache.prepare(registry.load(options, 0), options)
        return count / (time.perf_counter() - start)


def main() -> None:
    """Measures, prints, keeps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 224, 450], help=f"beside {AT} px")
    parser.add_argument("--count", type=int, default=200, help="images drawn at each size")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    drawn(AT, 10)  # what is imported and tabulated once
    rates = {size: sorted(drawn(size, options.count) for _ in range(options.runs)) for size in (AT, *options.sizes)}
    rows = [Row(f"{size} px, one core", rate[len(rate) // 2], "images a second") for size, rate in rates.items()]
    cores = len(os.sched_getaffinity(0))
    rows.append(Row(f"{AT} px, {cores} processes, into the cache", prepared(10 * options.count), "images a second"))
    measured = next(row.value for row in rows if row.name.startswith(f"{AT} px"))
    report(
        __file__,
        f"Phantoms drawn a second of one core's time, at least {ASKED} at {AT} px.",
        rows,
        goals=[
            Goal(
                f"phantoms of {AT} px drawn on one core",
                f"{ASKED} images a second",
                f"{figure(measured)} images a second",
                measured >= ASKED,
                "; ".join(f"{row.name}: {row}" for row in rows if not row.name.startswith(f"{AT} px, one")),
            )
        ],
        count=options.count,
    )


if __name__ == "__main__":
    main()
