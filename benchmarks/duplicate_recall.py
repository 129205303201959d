"""Claim: planted copies are found (.99 of equal files, .95 of any one change, .90 of several), .99 of pairs are true.

    python benchmarks/duplicate_recall.py --images DIRECTORY... [--half chosen] [--rounds 1]
                                          [--markdown docs/concepts/audit.md]

Each DIRECTORY holds a `manifest.csv` (file, image_id, and group where known), or parquet files (image, image_id,
lesion_id). Its lesions are divided into two halves; `--half chosen` is the one on which the search's
thresholds were chosen. Into a half's images go copies of one photograph a lesion, each lesion copied in another way; a
round takes about 30 ms an image. A pair of images of two lesions counts as false. The sets themselves hold
lesions twice under two names: `--sheet` draws all false pairs, and benchmarks/duplicate_verdicts.csv lists those that
were looked at and seen to be one lesion.
"""

import argparse
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import documents
import numpy as np
import pandas as pd
from measure import Goal, Row, report
from siblings import COPYINGS, Copying

from skinexp.data.duplicates import clusters, find_duplicates
from skinexp.data.preparation import preprocess

HALVES = ("chosen", "held-out")
PRECISION = 0.99
VERDICTS = Path(__file__).parent / "duplicate_verdicts.csv"
MARK = "duplicate recall"  # about the tables in the docs


@dataclass(frozen=True)
class Photograph:
    """An image of a set and where it comes from."""

    image_id: str
    lesion: str
    pixels: np.ndarray  # (height, width, 3) uint8 RGB
    sha256: str


@dataclass(frozen=True)
class Planted:
    """Two images that show one photograph: positions in a set."""

    copying: Copying
    first: int
    second: int


def photographs(directory: Path, half: str) -> list[Photograph]:
    """One half of a set."""
    return [
        Photograph(image_id, lesion, preprocess.decode(data), image_id)
        for image_id, lesion, data in _images(directory)
        if zlib.crc32(lesion.encode()) % 2 == HALVES.index(half)
    ]


def _images(directory: Path) -> Iterator[tuple[str, str, bytes]]:
    manifest = directory / "manifest.csv"
    if manifest.is_file():
        for row in pd.read_csv(manifest).itertuples():
            yield str(row.image_id), str(getattr(row, "group", row.image_id)), (directory / str(row.file)).read_bytes()
        return
    for file in sorted(directory.rglob("*.parquet")):
        for row in pd.read_parquet(file).itertuples():
            yield str(row.image_id), str(row.lesion_id), row.image["bytes"]


def with_copies(images: list[Photograph], turn: int) -> tuple[list[Photograph], list[Planted]]:
    """A set with one copied photograph a lesion; which way each lesion is copied changes with the turn."""
    of_lesion: dict[str, list[Photograph]] = {}
    for image in images:
        of_lesion.setdefault(image.lesion, []).append(image)
    found: list[Photograph] = []
    planted: list[Planted] = []
    for number, (lesion, own) in enumerate(of_lesion.items()):
        copying = COPYINGS[(number + turn) % len(COPYINGS)]
        rng = np.random.default_rng([turn, zlib.crc32(lesion.encode())])
        original = own[int(rng.integers(len(own)))]
        kept = [] if copying.without_original else own
        copies = [_copy(original, copying, rng) for _ in range(1 + copying.without_original)]
        first = kept.index(original) if kept else 0
        planted.append(Planted(copying, len(found) + first, len(found) + len(kept) + len(copies) - 1))
        found += [*kept, *copies]
    return found, planted


def _copy(original: Photograph, copying: Copying, rng: np.random.Generator) -> Photograph:
    pixels = copying.change(original.pixels, rng)
    sha256 = original.sha256 if copying.same_file else f"{original.sha256}, copied {rng.random()}"
    return Photograph(original.image_id, original.lesion, pixels, sha256)


@dataclass(frozen=True)
class Found:
    """What one round finds."""

    copies: pd.DataFrame  # a row a planted copy: copying, found (whether it is in one cluster with its sibling)
    pairs: pd.DataFrame  # a row a pair: one, other (ids), true (of one lesion), kind, relation, score


def look(images: list[Photograph], turn: int, workers: int) -> tuple[Found, dict[str, np.ndarray]]:
    """Plants, searches, compares with what was planted; also the pixels of false pairs, by id."""
    placed, planted = with_copies(images, turn)
    pairs = find_duplicates(
        lambda position: placed[position].pixels, [image.sha256 for image in placed], workers=workers
    )
    label = clusters(len(placed), pairs)
    copies = pd.DataFrame(
        [(one.copying.name, bool(label[one.first] == label[one.second])) for one in planted],
        columns=["copying", "found"],
    )
    ends = [(placed[first], placed[second]) for first, second in zip(pairs["first"], pairs["second"], strict=True)]
    table = pairs[["kind", "relation", "score"]].assign(
        one=[min(a.image_id, b.image_id) for a, b in ends],
        other=[max(a.image_id, b.image_id) for a, b in ends],
        true=[a.lesion == b.lesion for a, b in ends],
    )
    false = {image.image_id: image.pixels for pair in ends if pair[0].lesion != pair[1].lesion for image in pair}
    return Found(copies, table), false


def judged(pairs: pd.DataFrame) -> pd.DataFrame:
    """With a column that says which pairs are true, after a look at those that the ids of the lesions call false."""
    seen = pd.read_csv(VERDICTS) if VERDICTS.is_file() else pd.DataFrame(columns=["one", "other"])
    same = set(zip(seen["one"], seen["other"], strict=True))
    looked = np.array([pair in same for pair in zip(pairs["one"], pairs["other"], strict=True)], bool)
    return pairs.assign(judged=pairs["true"] | looked)


def sheet(pairs: pd.DataFrame, pixels: dict[str, np.ndarray], file: Path, side: int = 150, across: int = 6) -> None:
    """Draws each false pair once, the least certain first."""
    false = pairs[~pairs["true"]].sort_values("score").drop_duplicates(["one", "other"])
    tiles = []
    for number, row in enumerate(false.itertuples()):
        two = [cv2.resize(pixels[name], (side, side)) for name in (row.one, row.other)]
        tile = np.vstack([np.full((16, 2 * side, 3), 255, np.uint8), np.hstack(two)])
        text = f"{number}: {row.score:.3f} {row.one[-7:]} {row.other[-7:]}{' judged' if row.judged else ''}"
        tiles.append(cv2.putText(tile, text, (2, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (0, 0, 0), 1, cv2.LINE_AA))
        print(f"  {text} {row.one} {row.other} {row.relation}")
    if tiles:
        tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % across)
        rows = [np.hstack(tiles[start : start + across]) for start in range(0, len(tiles), across)]
        cv2.imwrite(str(file), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))


def recall_table(found: dict[str, Found]) -> str:
    """Markdown: a row a copying, a column a set."""
    lines = [f"| what was done to the copy | asked | {' | '.join(found)} |", f"|---|---:|{'---:|' * len(found)}"]
    for copying in COPYINGS:
        counts = (one.copies["found"][one.copies["copying"] == copying.name] for one in found.values())
        cells = (f"{each.mean():.3f} ({each.sum()} of {len(each)})" for each in counts)
        lines.append(f"| {copying.name} | {copying.goal:.2f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def precision_table(found: dict[str, Found]) -> str:
    """Markdown: a row a set."""
    lines = ["| set | pairs found | of two lesions | of these, one lesion to the eye | precision | after looking |"]
    lines.append("|---|---:|---:|---:|---:|---:|")
    for name, one in found.items():
        false, still = ~one.pairs["true"], ~one.pairs["judged"]
        shares = f"{1 - false.mean():.3f} | {1 - still.mean():.3f}"
        lines.append(f"| {name} | {len(one.pairs):,} | {false.sum()} | {(false & ~still).sum()} | {shares} |")
    return "\n".join(lines)


def goals(found: dict[str, Found]) -> list[Goal]:
    """What was asked for."""
    told = []
    for name, one in found.items():
        shares = one.copies.groupby("copying")["found"].mean()
        short = [f"{each.name}: {shares[each.name]:.3f}" for each in COPYINGS if shares.get(each.name, 1) < each.goal]
        precision = one.pairs["judged"].mean()
        told += [
            Goal(
                f"Share of planted copies that the audit finds, {name}",
                ".99 of equal files, .95 of any one change, .90 of several",
                f"{shares.min():.3f} to {shares.max():.3f}",
                not short,
                "; ".join(short),
            ),
            Goal(
                f"Share of its pairs that show one lesion, {name}",
                f"at least {PRECISION}",
                f"{precision:.3f}",
                bool(precision >= PRECISION),
                f"by lesion ids alone: {one.pairs['true'].mean():.3f}",
            ),
        ]
    return told


def main() -> None:
    """Plants, searches, counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, nargs="+", required=True, help="directories of sets")
    parser.add_argument("--half", choices=HALVES, default="held-out")
    parser.add_argument("--most", type=int, default=None, help="images of each half")
    parser.add_argument("--rounds", type=int, nargs="+", default=[1], help="of each set, or of all; each plants anew")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--sheet", type=Path, help="a directory for pictures of the pairs called false")
    parser.add_argument("--markdown", type=Path, help="the document whose tables are replaced")
    options = parser.parse_args()
    rounds = options.rounds * len(options.images) if len(options.rounds) == 1 else options.rounds
    found = {}
    for directory, count in zip(options.images, rounds, strict=True):
        images = photographs(directory, options.half)[: options.most]
        print(f"{directory.name}: {len(images):,} images", flush=True)
        turns = [look(images, turn, options.workers) for turn in range(count)]
        copies, pairs = (
            pd.concat(tables) for tables in zip(*((one.copies, one.pairs) for one, _ in turns), strict=True)
        )
        one = found[directory.name] = Found(copies, judged(pairs))
        print(one.pairs.groupby("true")["score"].describe(percentiles=[0.001, 0.01, 0.05, 0.5]).round(3).to_string())
        if options.sheet:
            options.sheet.mkdir(parents=True, exist_ok=True)
            pixels = {name: picture for _, each in turns for name, picture in each.items()}
            sheet(one.pairs, pixels, options.sheet / f"{directory.name}_{options.half}.png")
    text = f"{recall_table(found)}\n\n{precision_table(found)}"
    print(f"\n{text}")
    if options.markdown:
        documents.replace(options.markdown, MARK, text)
    rows = [
        Row(f"{name}, {copying}", round(float(share), 4), "of copies found", note=f"of {count}")
        for name, one in found.items()
        for copying, share, count in one.copies.groupby("copying", sort=False)["found"]
        .agg(["mean", "size"])
        .itertuples()
    ]
    claim = "Share of planted copies that are found, and of pairs that are true."
    report(__file__, claim, rows, goals=goals(found), half=options.half, rounds=dict(zip(found, rounds, strict=True)))


if __name__ == "__main__":
    main()
