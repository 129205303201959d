"""The rendering of a phantom: skin, lesion and structures, artefacts, and the photograph of the scene."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import numpy.typing as npt

from skinexp.config.schema import Phantom as Options
from skinexp.data.phantom import artefacts, camera, structures
from skinexp.data.phantom.abcd import Factors, factors
from skinexp.data.phantom.lesion import HUE, Geometry, pigment
from skinexp.data.phantom.planes import Grid, Mask, Picture, stream
from skinexp.data.phantom.skin import skin, tone

Artefact = Callable[[Picture, Grid, np.random.Generator], tuple[Picture, Mask]]

SCENE = 1.5  # half sides that a lesion's surroundings reach where photographs turn


@dataclass(frozen=True)
class Phantom:
    """An image and its ground truth; masks are (size, size)."""

    image: npt.NDArray[np.uint8]  # (size, size, 3) RGB
    lesion: Mask  # also where something hides it
    hair: Mask  # this and what follows: where it can be seen within the frame
    ruler: Mask
    gel: Mask
    ink: Mask
    frame: Mask
    factors: Factors


def render(seed: int, index: int, options: Options, flipped: bool = False) -> Phantom:
    """Renders phantom `index` at `options.size` pixels; the same phantom has the same content at every size.

    To render it without an artefact, pass options with that share 0: `hair=0`, `border=0`, ...

    Args:
        seed: of the whole set.
        index: of the phantom in the set.
        options: of the phantoms.
        flipped: see `factors`.
    """
    drawn = factors(seed, index, options, flipped)
    grid = Grid(options.size)
    picture, lesion = _scene(seed, drawn, options)

    def lay(picture: Picture, layers: Sequence[tuple[str, bool, Artefact]]) -> tuple[Picture, dict[str, Mask]]:
        masks = {}
        for name, is_shown, artefact in layers:
            masks[name] = np.zeros((options.size, options.size), bool)
            if is_shown:
                picture, masks[name] = artefact(picture, grid, stream(seed, index, f"{name} drawn"))
        return picture, masks

    with_hair = partial(artefacts.with_hair, is_light=drawn.light_hair)
    picture, on_skin = lay(picture, [("ink", drawn.ink, artefacts.with_ink), ("hair", drawn.hair, with_hair)])
    colour = tone(drawn.ita, stream(seed, drawn.lesion, "skin"))
    picture = picture * camera.light(colour, grid, stream(seed, index, "light"))
    on_glass = [("gel", drawn.gel, artefacts.with_gel), ("ruler", drawn.ruler, artefacts.with_ruler)]
    picture, before_skin = lay(picture, on_glass)
    framed = partial(camera.framed, kind=drawn.frame)
    picture, around = lay(picture, [("frame", drawn.frame != "none", framed)])
    rng = stream(seed, index, "camera")
    image = camera.photographed(picture, grid, bool(rng.random() < options.jpeg), rng)
    seen = {name: mask & ~around["frame"] for name, mask in (on_skin | before_skin).items()}
    return Phantom(image=image, lesion=lesion, frame=around["frame"], factors=drawn, **seen)


def _scene(seed: int, drawn: Factors, options: Options) -> tuple[Picture, Mask]:
    """Draws skin and lesion in this photograph's pose, in even white light; returns the picture and the lesion mask."""
    whole = options.photographs == 1
    grid = Grid(options.size) if whole else Grid(round(SCENE * options.size), SCENE)
    geometry = Geometry(drawn, grid, stream(seed, drawn.lesion, "outline"))
    picture = skin(grid, drawn.ita, stream(seed, drawn.lesion, "skin"))
    marked = stream(seed, drawn.lesion, "structures")
    smooth = structures.structureless(drawn, geometry, marked)
    pigmented = pigment(drawn, geometry, smooth, stream(seed, drawn.lesion, "pigment"))
    marks = structures.marks(drawn, geometry, pigmented, smooth, marked)
    picture *= cv2.exp(-(pigmented.light + marks * HUE))
    if whole:
        return picture, geometry.inside > 0
    seen = _seen(np.concatenate([picture, geometry.inside[None]]), drawn, options.size)
    return seen[:3], seen[3] > 0


def _seen(scene: Picture, drawn: Factors, size: int) -> Picture:
    """Returns the middle of each plane of a scene, rotated and zoomed."""
    middle = (scene.shape[-1] - 1) / 2
    turn = cv2.getRotationMatrix2D((middle, middle), math.degrees(drawn.turn), drawn.zoom)
    turn[:, 2] += (size - 1) / 2 - middle
    seen = cv2.warpAffine(
        cv2.merge(list(scene)), turn, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    return np.stack(cv2.split(seen))
