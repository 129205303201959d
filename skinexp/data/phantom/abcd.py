"""The factors of a phantom: the criteria of the ABCD rule, the skin, and the artefacts.

Reference: Stolz et al., "ABCD rule of dermatoscopy", European Journal of Dermatology 4 (1994); Nachbar et al., Journal
of the American Academy of Dermatology 30 (1994).
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skinexp.config.schema import Phantom as Options
from skinexp.data.phantom.planes import stream

COLOURS = {  # the six of the ABCD rule, as RGB in 0..1 on light skin, with how often each is a lesion's first colour
    "light brown": ((0.70, 0.46, 0.30), 0.38),
    "dark brown": ((0.45, 0.25, 0.17), 0.28),
    "red": ((0.76, 0.36, 0.38), 0.12),
    "black": ((0.19, 0.13, 0.13), 0.10),
    "blue-grey": ((0.45, 0.45, 0.52), 0.09),
    "white": ((0.88, 0.80, 0.78), 0.03),
}
STRUCTURES = ("network", "globules", "dots", "streaks", "structureless")
FRAMES = ("box", "bars", "round", "oval", "rounded", "vignette")
THRESHOLD = 4.75  # total dermoscopy score from which a lesion is suspicious by the ABCD rule

# One hidden severity drives all four criteria, as disease does; were they independent, scores would crowd at the
# threshold and nobody could distinguish the classes. It is LEAST + SPAN times a beta variate with both parameters BETA.
LEAST, SPAN, BETA = 0.06, 0.82, 0.45
WEIGHTS = {"asymmetry": (1.3, 0, 2), "border": (0.1, 0, 8), "colours": (0.5, 1, 6), "structures": (0.5, 1, 5)}

# Classes of skin by individual typology angle, from very light to dark, with the Fitzpatrick type each stands for.
ITA_EDGES = (75.0, 55.0, 41.0, 28.0, 10.0, -30.0, -55.0)
ITA_SHARES = (0.28, 0.34, 0.2, 0.1, 0.05, 0.03)
ZOOMS = (0.8, 1.15)  # of the photographs of one lesion


@dataclass(frozen=True)
class Factors:
    """The factors that determine how a phantom appears, and its label."""

    asymmetry: int  # 0 to 2: axes about which shape and colours are not symmetric
    border: int  # 0 to 8: eighths of the outline where pigment ends abruptly and ragged
    colours: tuple[str, ...]  # one to six of COLOURS, the most extensive first
    structures: tuple[str, ...]  # one to five of STRUCTURES
    ita: float  # individual typology angle of the skin, degrees
    diameter: float  # of the lesion, as a fraction of the picture's side
    hair: bool = False
    light_hair: bool = False  # whether that hair is light
    ruler: bool = False
    gel: bool = False  # bubbles in it
    ink: bool = False  # of a skin marker
    frame: str = "none"  # one of FRAMES, or none
    deviation: float = 0.0  # what label noise adds to the score before it is compared with THRESHOLD
    lesion: int = 0  # number of the lesion, of which there may be several photographs
    turn: float = 0.0  # of this photograph, radians
    zoom: float = 1.0

    @property
    def score(self) -> float:
        """Total dermoscopy score of the ABCD rule, 1.0 to 8.9."""
        return 1.3 * self.asymmetry + 0.1 * self.border + 0.5 * len(self.colours) + 0.5 * len(self.structures)

    @property
    def label(self) -> int:
        """1 (malignant) if the score with label noise reaches `THRESHOLD`, as in about half of the phantoms; else 0."""
        return int(self.score + self.deviation > THRESHOLD - 1e-9)  # sums of 0.1 are not exact

    @property
    def skin(self) -> int:
        """Fitzpatrick type, 1 to 6, that the skin's angle stands for."""
        return 1 + sum(self.ita <= edge for edge in ITA_EDGES[1:-1])


def factors(seed: int, index: int, options: Options, flipped: bool = False) -> Factors:
    """Draws the factors of phantom `index`; no image is rendered.

    Args:
        seed: of the whole set.
        index: of the phantom in the set; the same (seed, index) always gives the same phantom.
        options: number of photographs per lesion, and the share of images with each artefact.
        flipped: whether the two shares of `options.shortcut` are exchanged.
    """
    number, photograph = divmod(index, options.photographs)
    lesion = stream(seed, number, "lesion")
    severity = LEAST + SPAN * lesion.beta(BETA, BETA)
    asymmetry, border, colours, structures = lesion.binomial((2, 8, 5, 4), severity)
    shares = np.array([share for _, share in COLOURS.values()])
    pose = stream(seed, index, "pose")
    zoom = 1.0 if photograph == 0 else float(pose.uniform(*ZOOMS))
    drawn = Factors(
        asymmetry=int(asymmetry),
        border=int(border),
        colours=tuple(map(str, lesion.choice(list(COLOURS), 1 + colours, replace=False, p=shares))),
        structures=tuple(map(str, lesion.choice(STRUCTURES, 1 + structures, replace=False))),
        ita=_angle(stream(seed, number, "skin tone")),
        diameter=zoom * float(lesion.uniform(0.28, 0.72)),
        deviation=options.label_noise * float(stream(seed, number, "label").logistic()),
        lesion=number,
        turn=0.0 if photograph == 0 else float(pose.uniform(0, 2 * math.pi)),
        zoom=zoom,
        **_disturbances(seed, index, options),
    )
    ink = stream(seed, index, "ink").random() < ink_share(drawn.label, options, flipped)
    return replace(drawn, ink=bool(ink))


def ink_share(label: int, options: Options, flipped: bool = False) -> float:
    """Returns the share (0..1) of images of a class that show ink.

    Args:
        label: of the class, 0 or 1.
        options: of the phantoms.
        flipped: whether the two shares of `options.shortcut` are exchanged.
    """
    planted = options.shortcut
    shares = [planted.ink_given_benign, planted.ink_given_malignant]
    share = shares[1 - label if flipped else label]
    return options.ink if share is None else share


def _disturbances(seed: int, index: int, options: Options) -> dict[str, Any]:
    """Draws all artefacts except ink, each from its own random stream: a share changes no other artefact."""
    hair, frame = stream(seed, index, "hair"), stream(seed, index, "frame")
    is_hairy = bool(hair.random() < options.hair)
    return {
        "hair": is_hairy,
        "light_hair": is_hairy and bool(hair.random() < options.light_hair),
        "ruler": bool(stream(seed, index, "ruler").random() < options.ruler),
        "gel": bool(stream(seed, index, "gel").random() < options.gel),
        "frame": str(frame.choice(FRAMES)) if frame.random() < options.border else "none",
    }


def _angle(rng: np.random.Generator) -> float:
    """Draws an individual typology angle in degrees, uniform within its class."""
    band = int(rng.choice(len(ITA_SHARES), p=ITA_SHARES))
    return float(rng.uniform(ITA_EDGES[band + 1], ITA_EDGES[band]))
