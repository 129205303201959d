"""Masks of lesions beside photographs: which image each of them belongs to, by its name."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import PurePath

from skinexp.data.sources.listing import is_hidden, is_image_name, is_mask_name

OF_LESIONS = r"masks?|segmentations?"  # not superpixels, which say nothing of a lesion
WORD = re.compile(rf"(?:^|[ _.-]+)(?:{OF_LESIONS})(?=$|[ _.-])", re.IGNORECASE)
FOLDER = re.compile(rf".*(?:{OF_LESIONS}).*", re.IGNORECASE)


def masks_of(images: Sequence[str], files: Iterable[str]) -> list[str | None]:
    """Returns the mask of each image; None for an image without one, or if several can be meant.

    The mask `ISIC_1_segmentation.png`, or `masks/ISIC_1.png`, belongs to the image `ISIC_1.jpg`. If several images or
    several masks have that name, a mask belongs to the image in the folder of the same name.

    Args:
        images: relative paths of the photographs.
        files: relative paths of the other files beside them, of any kind.
    """
    masks: dict[str, list[str]] = defaultdict(list)
    for file in files:
        if is_image_name(file) and is_mask_name(file) and not is_hidden(file) and _is_of_a_lesion(file):
            masks[_stem(file)].append(file)
    namesakes: dict[str, int] = defaultdict(int)
    for image in images:
        namesakes[_stem(image)] += 1
    return [_only(image, masks[_stem(image)], namesakes[_stem(image)]) for image in images]


def _only(image: str, masks: Sequence[str], namesakes: int) -> str | None:
    if len(masks) > 1 or namesakes > 1:
        masks = [mask for mask in masks if _folder(mask) == _folder(image)]
    return masks[0] if len(masks) == 1 else None


def _is_of_a_lesion(file: str) -> bool:
    return WORD.search(PurePath(file).stem) is not None or any(FOLDER.fullmatch(part) for part in PurePath(file).parts)


def _stem(file: str) -> str:
    """Returns the name of a file without its suffix and without the words of masks."""
    return WORD.sub("", PurePath(file).stem).strip(" _.-")


def _folder(file: str) -> str:
    """Returns the name of the innermost folder that is not called after masks."""
    return next((part for part in reversed(PurePath(file).parts[:-1]) if not FOLDER.fullmatch(part)), "")
