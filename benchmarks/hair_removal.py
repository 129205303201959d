"""Claim: hair is best looked for in a picture about twice as large as the result.

    python benchmarks/hair_removal.py [--phantoms 40] [--images DIRECTORY] [--docs docs/concepts/preparation.md]

Generated pictures whose hair is known are drawn with hair and without. Hair is removed at several resolutions on the
way to the final size; what comes out is compared with the same picture that never had hair. Peers are the usual
DullRazor lines of OpenCV, whose lengths are pixels. With `--images`, also the share of pixels that each changes in real
photographs. Two minutes on two cores.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path

import cv2
import documents
import numpy as np
from measure import Goal, Row, figure, report

from skinexp.config import schema
from skinexp.data import phantom
from skinexp.data.preparation import preprocess

ORIGINALS = (450, 1024)  # pixels a side
FINALS = (224, 96)
SEED = 7
CHANGED = 8  # grey levels by which a pixel of a real photograph must differ to count as changed
MARK = "hair removal"  # about the table in the docs


def dull_razor_mask(picture: np.ndarray) -> np.ndarray:
    """What the lines that notebooks share take for hair."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    black_hat = cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, cv2.getStructuringElement(cv2.MORPH_CROSS, (9, 9)))
    return cv2.threshold(black_hat, 10, 255, cv2.THRESH_BINARY)[1] > 0


def dull_razor(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """What those lines make of a picture."""
    mask = cv2.dilate(dull_razor_mask(picture).astype(np.uint8), np.ones((3, 3), np.uint8))
    return preprocess.resized(cv2.inpaint(picture, mask, 1, cv2.INPAINT_TELEA), height, width)


@dataclass(frozen=True)
class Way:
    """One way to remove hair on the way to the final size."""

    name: str
    working: Callable[[np.ndarray, int], np.ndarray]  # picture, final side -> the copy in which hair is looked for
    mask: Callable[[np.ndarray], np.ndarray] = preprocess.hair_mask
    remove: Callable[[np.ndarray, int, int], np.ndarray] = preprocess.remove_hair

    def __call__(self, picture: np.ndarray, final: int) -> np.ndarray:
        return self.remove(self.working(picture, final), final, final)


def at(times: float) -> Callable[[np.ndarray, int], np.ndarray]:
    """A working copy of which the shorter side is `times` the final one, or the original where that is smaller."""

    def working(picture: np.ndarray, final: int) -> np.ndarray:
        scale = min(1, times * final / min(picture.shape[:2]))
        return preprocess.resized(picture, *(round(scale * side) for side in picture.shape[:2]))

    return working


def near_twice(picture: np.ndarray, final: int) -> np.ndarray:
    """The working copy of skinexp: the original, halved until it is nearest to what is wanted."""
    return preprocess.hair_copy(picture, final)


OURS = "skinexp: halved until nearest to 2 times"
WAYS = [
    Way("nothing removed", at(np.inf), lambda picture: np.zeros(picture.shape[:2], bool), preprocess.resized),
    Way("in the original", at(np.inf)),
    Way("at 4 times the final size", at(4)),
    Way("at 2 times", at(2)),
    Way("at 1 times", at(1)),
    Way(OURS, near_twice),
    Way("plain DullRazor, in the original", at(np.inf), dull_razor_mask, dull_razor),
    Way("plain DullRazor, at 1 times", at(1), dull_razor_mask, dull_razor),
]


@dataclass(frozen=True)
class Score:
    """How well a way did; errors are mean absolute differences in grey levels from the picture without hair."""

    recall: float  # share of the hair's pixels that is painted over
    precision: float  # share of the pixels found that is hair, or lies beside it by at most 1/224 of the side
    under_hair: float  # error where hair was
    lesion: float  # error in the lesion, under hair and beside it
    damage: float  # error in the lesion where no hair was: its structures taken for hair
    milliseconds: float  # from the original to the result, on one core


HEADINGS = ("hair found", "correctly", "error under hair", "error in the lesion", "where it has no hair", "ms")


def score(way: Way, drawn: phantom.Phantom, shaven: np.ndarray, final: int) -> Score:
    """One way on one picture."""
    side = len(shaven)
    start = time.perf_counter()
    result = way(drawn.image, final)
    milliseconds = 1000 * (time.perf_counter() - start)
    found = way.mask(way.working(drawn.image, final))
    error = np.abs(result.astype(int) - preprocess.resized(shaven, final, final)).mean(axis=2)
    hair, lesion = shrunk(drawn.hair, final), shrunk(drawn.lesion, final) > 0.5
    near_hair = widened(drawn.hair, round(side / 224))
    return Score(
        recall=enlarged(widened(found, 1), side)[drawn.hair].mean(),
        precision=near_hair[enlarged(found, side)].mean() if found.any() else np.nan,
        under_hair=error[hair > 0.2].mean(),
        lesion=error[lesion].mean(),
        damage=error[lesion & (hair == 0)].mean(),
        milliseconds=milliseconds,
    )


def widened(mask: np.ndarray, by: int) -> np.ndarray:
    """With all pixels at most `by` away."""
    return cv2.dilate(mask.astype(np.uint8), np.ones((2 * by + 1, 2 * by + 1), np.uint8)) > 0


def enlarged(mask: np.ndarray, side: int) -> np.ndarray:
    """The mask in the pixels of the original."""
    return cv2.resize(mask.astype(np.uint8), (side, side), interpolation=cv2.INTER_NEAREST) > 0


def shrunk(mask: np.ndarray, side: int) -> np.ndarray:
    """Share of each pixel of the final picture that the mask covers."""
    return cv2.resize(mask.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)


def on_phantoms(count: int) -> dict[tuple[int, int, str], Score]:
    """Mean scores by side of the original, final side and name of the way."""
    scores = {}
    for side in ORIGINALS:
        print(f"drawing {count} pictures of {side} px", flush=True)
        hairy = schema.Phantom(size=side, hair=1.0, light_hair=0.0, border=0.0, ruler=0.0, gel=0.0, ink=0.0, jpeg=0.0)
        bald = replace(hairy, hair=0.0)
        drawn = [(phantom.render(SEED, n, hairy), phantom.render(SEED, n, bald).image) for n in range(count)]
        for final in FINALS:
            for way in WAYS:
                each = np.array([astuple(score(way, one, shaven, final)) for one, shaven in drawn])
                means = each.mean(axis=0) if way is WAYS[0] else np.nanmean(each, axis=0)
                means[-1] = np.median(each[:, -1])  # of the milliseconds
                scores[side, final, way.name] = Score(*means)
                print(f"  {side} to {final} px, {way.name}: {means.round(2).tolist()}", flush=True)
    return scores


def on_photographs(directory: Path, most: int) -> dict[tuple[int, str], float]:
    """Share of pixels that each way changes, by final side and name."""
    files = sorted(directory.rglob("*.jpg"))
    pictures = [preprocess.decode(file.read_bytes()) for file in files[:: -(-len(files) // most)]]
    shares = {}
    for final in FINALS:
        for way in WAYS[1:]:
            changed = []
            for picture in pictures:
                untouched = preprocess.resized(way.working(picture, final), final, final).astype(int)
                changed.append((np.abs(way(picture, final) - untouched).max(axis=2) > CHANGED).mean())
            shares[final, way.name] = float(np.mean(changed))
    return shares


def table(scores: dict[tuple[int, int, str], Score], shares: dict[tuple[int, str], float]) -> str:
    """Everything as Markdown."""
    lines = ["| from, to | hair looked for | " + " | ".join(HEADINGS) + " |", "|---|---|" + "---:|" * len(HEADINGS)]
    for (side, final, name), one in scores.items():
        shown = [f"{one.recall:.2f}", "" if np.isnan(one.precision) else f"{one.precision:.2f}"]
        shown += [f"{value:.1f}" for value in (one.under_hair, one.lesion, one.damage, one.milliseconds)]
        lines.append(f"| {side}, {final} px | {name} | " + " | ".join(shown) + " |")
    if shares:
        lines += ["", "| share of pixels changed in photographs, | " + " | ".join(f"to {f} px" for f in FINALS) + " |"]
        lines += ["|---|" + "---:|" * len(FINALS)]
        for way in WAYS[1:]:
            lines.append(f"| {way.name} | " + " | ".join(f"{shares[f, way.name]:.1%}" for f in FINALS) + " |")
    return "\n".join(lines)


def goal(scores: dict[tuple[int, int, str], Score]) -> Goal:
    """What is asked of hair removal: less harm than hair does, and than the usual lines do."""
    side, final = ORIGINALS[0], FINALS[0]
    errors = {way.name: f"{figure(scores[side, final, way.name].lesion)}" for way in WAYS}
    ours = scores[side, final, OURS].lesion
    others = (scores[side, final, name].lesion for name in (WAYS[0].name, WAYS[-2].name, WAYS[-1].name))
    return Goal(
        f"Hair removal, {side} to {final} px: error in the lesion against the same picture without hair",
        "less than with the hair left, and than DullRazor's",
        f"{errors[OURS]} grey levels",
        all(ours < other for other in others),
        "; ".join(f"{name}: {error}" for name, error in errors.items() if name != OURS),
    )


def main() -> None:
    """Measures, prints, keeps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phantoms", type=int, default=40)
    parser.add_argument("--images", type=Path, help="a directory of photographs (JPEG)")
    parser.add_argument("--photographs", type=int, default=300, help="how many of them")
    parser.add_argument("--docs", type=Path, help="the document whose table is replaced")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    scores = on_phantoms(options.phantoms)
    shares = on_photographs(options.images, options.photographs) if options.images else {}
    text = table(scores, shares)
    print(f"\n{text}")
    if options.docs:
        documents.replace(options.docs, MARK, text)
    report(
        __file__,
        "Error in the lesion after hair removal, against the same generated picture without hair.",
        [
            Row(f"{side} to {final} px, {name}", round(one.lesion, 3), "grey levels", note=f"{one.milliseconds:.1f} ms")
            for (side, final, name), one in scores.items()
        ],
        goals=[goal(scores)],
        scores={" ".join(map(str, key)): asdict(one) for key, one in scores.items()},
        changed_in_photographs={f"to {final} px, {name}": share for (final, name), share in shares.items()},
    )


if __name__ == "__main__":
    main()
