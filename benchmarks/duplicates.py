"""Claim: the duplicate search takes under 3 minutes and 2 GB for 400,000 images on one core, and grows with the set.

    python benchmarks/duplicates.py [--images 10000 50000 100000 400000] [--phantoms 600]    # about ten minutes

The search is what could grow with the square of a set's size: which images have a window that looks like what another
image shows. It is measured on drawn vectors of the size and spread of real ones, some of which are copies. Its seconds
are the processor's, on one thread. Beside it, what grows with the number of images anyhow: looking at one (generated
pictures of 180 px), comparing a pair, and all of the quick search in a small set.
"""

import argparse
import time

import numpy as np
from measure import Goal, Row, figure, in_fresh_process, peak_memory, report
from threadpoolctl import threadpool_limits

from skinexp.config import schema
from skinexp.data import phantom
from skinexp.data.duplicates import agreement, find_duplicates, search_limits, views
from skinexp.data.duplicates.nearest import nearest
from skinexp.data.duplicates.vectors import WIDTH

MOST_SECONDS, MOST_MEGABYTES = 180.0, 2_000.0
MOST_GROWTH = 1.25  # of the exponent with which time grows: 1 is linear, 2 all pairs
QUICK_PHANTOMS, QUICK_SECONDS = 600, 2.0
COPIES = 0.05  # of the drawn images
WINDOWS = len(views.windows(1, 1))
SPREAD = np.concatenate([np.ones(16), np.linspace(1, 0.5, WIDTH - 16)])  # standard deviation of each number
WINDOW_SPREAD, NOISE = 0.35, 0.15  # of a window about its image, and of a copy about its window


def drawn(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of windows, (count, windows, width) half precision; and which image the last ones are copies of."""
    rng = np.random.default_rng(count)
    vectors = np.empty((count, WINDOWS, WIDTH), np.float16)
    for start in range(0, count, 2_000):
        block = vectors[start : start + 2_000]
        middle = rng.normal(0, SPREAD, (len(block), 1, WIDTH))
        block[:] = middle + WINDOW_SPREAD * rng.normal(0, SPREAD, block.shape)
        block[:, 0] = middle[:, 0]
    copies = round(COPIES * count)
    of = rng.permutation(count - copies)[:copies]
    seen = vectors[of, rng.integers(0, WINDOWS, copies)]
    vectors[-copies:, 0] = seen + NOISE * rng.normal(0, SPREAD, seen.shape)
    return vectors, of


def search(count: int) -> dict[str, float]:
    """Processor seconds and megabytes, and the share of copies that are proposed."""
    with peak_memory() as peak, threadpool_limits(1):
        vectors, of = drawn(count)
        start = time.process_time()
        one, other = nearest(
            np.ascontiguousarray(vectors[:, 0]), vectors, search_limits.NEIGHBOURS, search_limits.FARTHEST
        )
        seconds = time.process_time() - start
    proposed = set(zip(one.tolist(), other.tolist(), strict=True))
    copies = np.arange(count - len(of), count)
    hit = [(int(original), int(copy)) in proposed for original, copy in zip(of, copies, strict=True)]
    return {"seconds": seconds, "megabytes": peak.megabytes, "proposed": float(np.mean(hit)), "pairs": len(one)}


def parts(phantoms: int) -> dict[str, float]:
    """Images and pairs a second on one thread, and seconds of the quick search."""
    options = schema.Phantom(size=180)
    images = [phantom.render(0, number, options).image for number in range(phantoms)]
    small = [phantom.render(0, number, schema.Phantom(size=96)).image for number in range(phantoms)]
    with threadpool_limits(1):
        start = time.process_time()
        for image in images:
            views.describe(image)
        looking = time.process_time() - start
        pictures = [
            agreement.Picture(views.resized(image[..., 1], 96).astype(np.float32), *image.shape[:2]) for image in images
        ]
        whole = views.windows(180, 180)[0]
        start = time.process_time()
        for one, other in zip(pictures, pictures[1:] + pictures[:1], strict=True):
            agreement.compare(one, whole, other, whole)
        comparing = time.process_time() - start
        start = time.process_time()
        pairs = find_duplicates(small.__getitem__, list(map(str, range(phantoms))), workers=1, quick=True)
        quick = time.process_time() - start
    return {"looking": phantoms / looking, "comparing": phantoms / comparing, "quick": quick, "pairs": len(pairs)}


def growth(seconds: dict[int, float]) -> float:
    """The exponent with which time grows, from a line through the logarithms."""
    return float(np.polyfit(np.log(list(seconds)), np.log(list(seconds.values())), 1)[0])


def goals(found: dict[int, dict[str, float]], quick: dict[str, float], phantoms: int) -> list[Goal]:
    """What was asked for."""
    most = max(found)
    seconds, megabytes = found[most]["seconds"], found[most]["megabytes"]
    exponent = growth({count: each["seconds"] for count, each in found.items()}) if len(found) > 1 else np.nan
    return [
        Goal(
            f"Duplicate search among {most:,} images, one core",
            f"less than {MOST_SECONDS:.0f} s and {MOST_MEGABYTES / 1000:.0f} GB",
            f"{figure(seconds)} s, {figure(megabytes)} MB",
            seconds < MOST_SECONDS and megabytes < MOST_MEGABYTES,
            "; ".join(
                f"{count:,} images: {figure(each['seconds'])} s" for count, each in found.items() if count < most
            ),
        ),
        Goal(
            "How its time grows with the number of images",
            f"an exponent of at most {MOST_GROWTH} (1 is linear)",
            f"{exponent:.2f}",
            bool(exponent <= MOST_GROWTH),
            "comparing all with all: 2",
        ),
        Goal(
            f"Quick search in {phantoms} generated pictures of 96 px",
            f"less than {QUICK_SECONDS:g} s for {QUICK_PHANTOMS}",
            f"{figure(quick['quick'])} s",
            quick["quick"] / phantoms < QUICK_SECONDS / QUICK_PHANTOMS,
            f"images of 180 px: {figure(quick['looking'])} a second; pairs: {figure(quick['comparing'])} a second",
        ),
    ]


def main() -> None:
    """Draws, searches, reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[10_000, 50_000, 100_000, 400_000])
    parser.add_argument("--phantoms", type=int, default=QUICK_PHANTOMS)
    options = parser.parse_args()
    found = {count: in_fresh_process(search, count) for count in options.images}
    quick = parts(options.phantoms)
    rows = [
        Row(
            f"search, {count:,} images",
            round(each["seconds"], 2),
            "s",
            each["megabytes"],
            f"{each['proposed']:.1%} of copies",
        )
        for count, each in found.items()
    ]
    rows += [
        Row("looking at a picture of 180 px", round(quick["looking"], 1), "images a second"),
        Row("comparing two that are not the same", round(quick["comparing"], 1), "pairs a second"),
        Row(f"quick search, {options.phantoms} pictures of 96 px", round(quick["quick"], 2), "s"),
    ]
    report(
        __file__,
        "Duplicate search by size of the set.",
        rows,
        goals=goals(found, quick, options.phantoms),
        found={f"{n}": each for n, each in found.items()},
    )


if __name__ == "__main__":
    main()
