"""Generated dermoscopic images whose truth is known: lesion, hair, frame, and why each is benign or malignant.

A phantom is drawn from a few factors that a dermatologist would count: the ABCD rule (asymmetry, border, colours,
dermoscopic structures). Its total dermoscopy score decides the label, so what a model ought to see is known. Each part
of a picture has its own stream of random numbers: the same lesion can be drawn with and without hair.

Reference: Stolz et al., "ABCD rule of dermatoscopy", European Journal of Dermatology 4 (1994); Nachbar et al., Journal
of the American Academy of Dermatology 30 (1994).
"""

import math
import zlib
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from skinexp import config

VERSION = 1  # raise it when the same seed and options give other pixels

Plane = npt.NDArray[Any]  # float32, (size, size), or (size, size, 3) where it has colours
Mask = npt.NDArray[np.bool_]  # (size, size)

COLOURS = {  # the six of the ABCD rule, as RGB in 0..1, with how often each is a lesion's first colour
    "light brown": ((0.70, 0.43, 0.28), 0.38),
    "dark brown": ((0.44, 0.22, 0.15), 0.28),
    "red": ((0.76, 0.30, 0.34), 0.12),
    "black": ((0.16, 0.10, 0.11), 0.10),
    "blue-grey": ((0.42, 0.42, 0.50), 0.09),
    "white": ((0.90, 0.83, 0.81), 0.03),
}
STRUCTURES = ("network", "globules", "dots", "streaks", "structureless")
FRAMES = ("box", "round", "vignette")
THRESHOLD = 4.75  # total dermoscopy score from which the ABCD rule calls a lesion suspicious

# Fitzpatrick types I to VI are melanin on the same skin: what is left of red, green and blue light.
SKIN_TONES = np.array(
    [
        (0.93, 0.82, 0.80),
        (0.90, 0.73, 0.71),
        (0.86, 0.66, 0.61),
        (0.77, 0.57, 0.49),
        (0.64, 0.46, 0.38),
        (0.51, 0.36, 0.29),
    ]
)
SKIN_SHARES = (0.28, 0.34, 0.2, 0.1, 0.05, 0.03)
# Dermatoscopes light skin differently: neutral, pink, violet, orange, bluish.
LIGHTS = np.array([(1.0, 1.0, 1.0), (1.05, 0.92, 0.99), (0.92, 0.86, 1.02), (1.07, 0.97, 0.76), (0.84, 0.95, 1.06)])
LIGHT_SHARES = (0.38, 0.24, 0.18, 0.15, 0.05)

ANGLES = np.linspace(-math.pi, math.pi, 721)  # at which an outline is tabulated
DRAWING_SIDE = 384  # lines and dots are drawn at least this large and then averaged down: thin ones stay thin


@dataclass(frozen=True)
class Factors:
    """What decides how a phantom looks, and its label."""

    asymmetry: int  # 0 to 2: axes about which shape and colours are not symmetric
    border: int  # 0 to 8: eighths of the outline where pigment ends abruptly and ragged
    colours: tuple[str, ...]  # one to six of COLOURS, the most extensive first
    structures: tuple[str, ...]  # one to five of STRUCTURES
    skin: int  # Fitzpatrick type, 1 to 6
    diameter: float  # of the lesion, as a fraction of the picture's side
    hair: bool
    frame: str  # one of FRAMES, or none

    @property
    def score(self) -> float:
        """Total dermoscopy score of the ABCD rule, 1.0 to 8.9."""
        return 1.3 * self.asymmetry + 0.1 * self.border + 0.5 * len(self.colours) + 0.5 * len(self.structures)

    @property
    def label(self) -> int:
        """1 (malignant) where the score reaches `THRESHOLD`, which about half of the phantoms do."""
        return int(self.score > THRESHOLD - 1e-9)  # sums of 0.1 are not exact


@dataclass(frozen=True)
class Phantom:
    """A picture and its truth; masks are (size, size)."""

    image: npt.NDArray[np.uint8]  # (size, size, 3) RGB
    lesion: Mask  # also where hair or frame hide it
    hair: Mask
    frame: Mask
    factors: Factors


def factors(seed: int, index: int, options: config.Phantom) -> Factors:
    """What phantom `index` will show, without drawing it.

    Args:
        seed: of the whole set.
        index: of the phantom in the set; the same (seed, index) always gives the same phantom.
        options: `hair` and `border` are the shares of images with hair and with a frame.
    """
    lesion = _stream(seed, index, "lesion")
    # One hidden severity drives all four criteria, as disease does; were they independent, scores would crowd at the
    # threshold and no eye could tell the classes apart.
    severity = 0.06 + 0.82 * lesion.beta(0.45, 0.45)
    asymmetry, border, colours, structures = lesion.binomial((2, 8, 5, 4), severity)
    shares = np.array([share for _, share in COLOURS.values()])
    skin = _stream(seed, index, "skin tone")
    hair, frame = _stream(seed, index, "hair"), _stream(seed, index, "frame")
    return Factors(
        asymmetry=int(asymmetry),
        border=int(border),
        colours=tuple(map(str, lesion.choice(list(COLOURS), 1 + colours, replace=False, p=shares))),
        structures=tuple(map(str, lesion.choice(STRUCTURES, 1 + structures, replace=False))),
        skin=int(skin.choice(6, p=SKIN_SHARES)) + 1,
        diameter=float(lesion.uniform(0.35, 0.75)),
        hair=bool(hair.random() < options.hair),
        frame=str(frame.choice(FRAMES)) if frame.random() < options.border else "none",
    )


def render(seed: int, index: int, options: config.Phantom) -> Phantom:
    """Draws phantom `index` at `options.size`; at another size the same picture looks alike.

    To draw the same phantom without hair or frame, pass options with `hair=0` or `border=0`.
    """
    size, drawn = options.size, factors(seed, index, options)
    geometry = _Geometry(drawn, size, _stream(seed, index, "outline"))
    picture = _skin(drawn, size, _stream(seed, index, "skin"))
    picture = _lesion(picture, drawn, geometry, _stream(seed, index, "pigment"), _stream(seed, index, "structures"))
    picture *= _light(size, _stream(seed, index, "light"))
    hair, frame = np.zeros((size, size), bool), np.zeros((size, size), bool)
    if drawn.hair:
        picture, hair = _with_hair(picture, _stream(seed, index, "hairs"))
    if drawn.frame != "none":
        picture, frame = _framed(picture, drawn.frame, _stream(seed, index, "field of view"))
    grain = _stream(seed, index, "grain").normal(0, 1.8, picture.shape)
    image = np.clip(255 * picture + grain, 0, 255).round().astype(np.uint8)
    return Phantom(image, geometry.inside > 0, hair & ~frame, frame, drawn)


class _Geometry:
    """Where the lesion is: its own coordinates (a unit disc before the outline bends), and distances to its outline."""

    def __init__(self, drawn: Factors, size: int, rng: np.random.Generator) -> None:
        self.size, self.asymmetry = size, drawn.asymmetry
        self.centre = rng.uniform(-0.14, 0.14, 2)
        stretch = math.sqrt(rng.uniform(1.0, 1.5))
        self.axes = drawn.diameter * np.array([stretch, 1 / stretch])
        self.turn = rng.uniform(0, 2 * math.pi)

        x, y = _coordinates(size)
        x, y = x - np.float32(self.centre[0]), y - np.float32(self.centre[1])
        cosine, sine = np.float32(math.cos(self.turn)), np.float32(math.sin(self.turn))
        self.along = (x * cosine + y * sine) / np.float32(self.axes[0])
        self.across = (y * cosine - x * sine) / np.float32(self.axes[1])

        angle = np.arctan2(self.across, self.along)
        self.abruptness = np.interp(angle, ANGLES, _abrupt_eighths(drawn.border, rng)).astype(np.float32)
        self.radius = _outline(drawn.asymmetry, rng)
        distance = np.interp(angle, ANGLES, self.radius) - np.hypot(self.along, self.across)
        ragged = _fractal(rng, (11, 22, 44), size)
        self.inside = distance.astype(np.float32) + (0.05 + 0.085 * self.abruptness) * ragged  # > 0 within

    def folded(self, warp: Plane) -> tuple[Plane, Plane]:
        """Lesion coordinates in which mirror images about each axis of symmetry are the same place."""
        along, across = self.along + warp, self.across + warp.T  # the transposed noise serves as a second one
        if self.asymmetry < 2:
            across = np.sqrt(across**2 + 0.01)
        if self.asymmetry < 1:
            along = np.sqrt(along**2 + 0.01)
        return along, across

    def places(self, radii: npt.NDArray[np.float64], angles: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """(n, 2) positions in the picture, -1..1, of polar positions in which the outline has radius 1."""
        reach = radii * np.interp(angles, ANGLES, self.radius, period=2 * math.pi)
        along, across = self.axes[0] * reach * np.cos(angles), self.axes[1] * reach * np.sin(angles)
        cosine, sine = math.cos(self.turn), math.sin(self.turn)
        return np.stack([along * cosine - across * sine, along * sine + across * cosine], axis=1) + self.centre


def _abrupt_eighths(count: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """How abruptly the lesion ends at each of `ANGLES`, 0..1: abrupt in `count` neighbouring eighths of the outline."""
    behind_start = ((ANGLES - rng.uniform(0, 2 * math.pi)) % (2 * math.pi)) / (math.pi / 4)
    return np.clip(np.minimum(behind_start, count - behind_start) * 4, 0, 1) if count < 8 else np.ones_like(ANGLES)


def _outline(asymmetry: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Radius at each of `ANGLES`: the harmonics that take part, and their phases, give the shape its symmetry."""
    order = np.arange(1, 8)[:, None]
    height = rng.normal(0, 1, order.shape) / order**0.7
    phase = rng.uniform(0, 2 * math.pi, order.shape)
    if asymmetry < 2:
        phase = np.zeros_like(phase)  # cosines alone mirror at the long axis
    if asymmetry < 1:
        height[::2] = 0  # even cosines alone mirror at both axes
    shape = (height * np.cos(order * ANGLES + phase)).sum(axis=0)
    shape *= (0.06, 0.15, 0.2)[asymmetry] / max(np.sqrt(np.mean(shape**2)), 1e-6)
    return np.asarray(np.clip(1 + shape, 0.45, 1.6))


def _skin(drawn: Factors, size: int, rng: np.random.Generator) -> Plane:
    """Skin around the lesion: tone, pink blotches, mottling, and on some pictures fine vessels."""
    tone = SKIN_TONES[drawn.skin - 1] * rng.uniform(0.93, 1.05)
    blotches = _fractal(rng, (4, 9, 20), size)
    mottling = _fractal(rng, (16, 32, 64, 128), size, fall=0.85)
    flush, relief = rng.uniform(0.03, 0.09), rng.uniform(0.015, 0.055)
    redness = (flush * blotches)[..., None] * np.array([0.25, 1.0, 0.8], np.float32)
    shade = (relief * mottling)[..., None] * np.array([0.8, 1.1, 1.0], np.float32)
    skin = tone.astype(np.float32) * (1 - redness - shade)
    vessels = np.exp(-(_fractal(rng, (9, 18, 36), size) ** 2) / 0.012) * np.clip(blotches, 0, 1)
    strength = max(rng.normal(0, 0.16), 0)
    return skin * (1 - (strength * vessels)[..., None] * np.array([0.2, 1.0, 0.75], np.float32))


def _lesion(
    skin: Plane, drawn: Factors, geometry: _Geometry, pigment: np.random.Generator, structures: np.random.Generator
) -> Plane:
    """The skin seen through the lesion: pigment absorbs light, so where it lies thin it looks lighter and redder."""
    size = geometry.size
    cover = _smooth_step(geometry.inside / (0.2 - 0.165 * geometry.abruptness))
    smooth = _structureless(drawn, geometry, structures)
    mottling = _fractal(pigment, (6, 14, 30, 60), size, fall=0.75)
    density = pigment.uniform(0.65, 1.05) * (1 + pigment.uniform(0.18, 0.32) * mottling * (1 - 0.85 * smooth))
    marks = _marks(drawn, geometry, structures)
    if "network" in drawn.structures:
        marks = marks + _network(geometry, structures) * cover
    absorbed = _absorbance(drawn, geometry, pigment)
    # Structures are pigment: they fade where it lacks.
    marks = marks * (1 - smooth) * np.clip(0.45 + absorbed.mean(axis=2), 0.2, 1)
    absorbed = absorbed * (cover * np.clip(density, 0.1, 2))[..., None]
    return skin * np.exp(-absorbed - marks[..., None] * np.array([0.65, 0.95, 1.0], np.float32))


def _absorbance(drawn: Factors, geometry: _Geometry, rng: np.random.Generator) -> Plane:
    """How much light the pigment takes: the first colour's everywhere, others in patches, mirrored like the shape."""
    size = geometry.size
    along, across = geometry.folded(0.14 * _fractal(rng, (7, 14, 28, 56), size, fall=0.7))
    shades = {
        name: -np.log(np.array(rgb) * rng.uniform(0.9, 1.1) / SKIN_TONES[1]).astype(np.float32)
        for name, (rgb, _) in COLOURS.items()
    }
    absorbed = np.broadcast_to(shades[drawn.colours[0]], (size, size, 3))
    count = len(drawn.colours) - 1
    arc = (math.pi / 2, math.pi, 2 * math.pi)[geometry.asymmetry]  # the part of the lesion that is not a mirror image
    angles = rng.uniform(0, arc) + arc * (np.arange(count) + rng.uniform(-0.2, 0.2, count)) / max(count, 1)
    for name, angle in zip(drawn.colours[1:], angles % arc, strict=True):
        distance = rng.uniform(0.3, 0.6)
        reach = rng.uniform(0.36, 0.5) * (0.8 + 0.1 * geometry.asymmetry)
        apart = np.hypot(along - distance * math.cos(angle), across - distance * math.sin(angle))
        patch = _smooth_step((reach - apart) / rng.uniform(0.1, 0.3)) * np.float32(rng.uniform(0.8, 1.0))
        absorbed = absorbed + patch[..., None] * (shades[name] - absorbed)
    return absorbed


def _structureless(drawn: Factors, geometry: _Geometry, rng: np.random.Generator) -> Plane:
    """Where structure is wiped out, 0..1: everywhere if the lesion has no other structure, else in a wide patch."""
    size = geometry.size
    place, patch = geometry.places(np.array([0.55]), rng.uniform(-math.pi, math.pi, 1))[0], rng.uniform(0.5, 0.65)
    warp = 0.1 * _noise(rng, 6, size)
    if "structureless" not in drawn.structures:
        return np.zeros((size, size), np.float32)
    if drawn.structures == ("structureless",):
        return np.ones((size, size), np.float32)
    x, y = _coordinates(size)
    apart = np.hypot(x - np.float32(place[0]), y - np.float32(place[1])) / drawn.diameter
    return _smooth_step((patch - apart + warp) / 0.1)


def _network(geometry: _Geometry, rng: np.random.Generator) -> Plane:
    """A bent honeycomb of dark lines, 0..1: three plane waves 120 degrees apart are lowest along one."""
    size = geometry.size
    x, y = _coordinates(size)
    bend_x, bend_y = (0.03 * _fractal(rng, (7, 16, 32), size, fall=0.6) for _ in range(2))
    pitch, turn = rng.uniform(0.075, 0.1), rng.uniform(0, math.pi)  # from hole to hole, in half sides
    waves = np.zeros((size, size), np.float32)
    for direction in turn + np.arange(3) * 2 * math.pi / 3:
        phase = (x + bend_x) * math.cos(direction) + (y + bend_y) * math.sin(direction)
        waves += np.cos(phase * (4 * math.pi / (math.sqrt(3) * pitch))).astype(np.float32)
    presence = np.clip(0.75 + 0.45 * _fractal(rng, (5, 12, 30), size, fall=0.8), 0.1, 1.2)
    return _smooth_step(-(waves + 0.3) / 0.9) * presence * np.float32(rng.uniform(0.45, 0.8))


def _marks(drawn: Factors, geometry: _Geometry, rng: np.random.Generator) -> Plane:
    """Globules, dots and streaks, 0..1; the less symmetric the lesion, the more they crowd to one side."""
    canvas = _Canvas(geometry.size)
    side = rng.uniform(-math.pi, math.pi)
    spread = (math.pi, 0.65 * math.pi, 0.4 * math.pi)[geometry.asymmetry]
    kinds = {  # how many, radius as a fraction of the side, darkness
        "globules": (rng.integers(14, 26), (0.012, 0.026), (0.35, 0.65)),
        "dots": (rng.integers(20, 44), (0.005, 0.009), (0.6, 1.0)),
    }
    for name, (count, radii_between, darkness_between) in kinds.items():
        angles = side + rng.uniform(-spread, spread, count)
        places = geometry.places(np.sqrt(rng.uniform(0.02, 0.8, count)), angles)
        radii, darkness = rng.uniform(*radii_between, count), rng.uniform(*darkness_between, count)
        if name in drawn.structures:
            for place, radius, dark in zip(places, radii, darkness, strict=True):
                canvas.dot(place, radius, dark)
    count = rng.integers(12, 22)
    angles = side + spread * rng.uniform(-1, 1, count)
    tips = angles + rng.normal(0, 0.1, count)
    starts = geometry.places(rng.uniform(0.72, 0.9, count), angles)
    ends = geometry.places(rng.uniform(1.06, 1.26, count), tips)
    if "streaks" in drawn.structures:
        for start, end in zip(starts, ends, strict=True):
            bent = start + np.linspace(0, 1, 5)[:, None] * (end - start) + rng.normal(0, 0.008, (5, 2))
            canvas.line(bent, rng.uniform(0.01, 0.018), rng.uniform(0.3, 0.65))
            canvas.line(bent[:3], 0.022, rng.uniform(0.3, 0.65))
    return cv2.GaussianBlur(canvas.averaged(), (0, 0), 0.004 * geometry.size)


def _light(size: int, rng: np.random.Generator) -> Plane:
    """What illumination multiplies the picture with: a tint, a slope across the field and darker corners."""
    x, y = _coordinates(size)
    turn, slope, corners = rng.uniform(0, 2 * math.pi), rng.uniform(0, 0.1), rng.uniform(0, 0.12)
    field = 1 + slope * (x * math.cos(turn) + y * math.sin(turn)) - corners * (x**2 + y**2)
    tint = LIGHTS[rng.choice(len(LIGHTS), p=LIGHT_SHARES)] * rng.uniform(0.96, 1.04, 3) * rng.uniform(0.88, 1.1)
    return (field[..., None] * tint).astype(np.float32)


def _with_hair(picture: Plane, rng: np.random.Generator) -> tuple[Plane, Mask]:
    """The picture under dark hair, and where the hair is: curved strands, most of them in one direction."""
    canvas = _Canvas(len(picture))
    comb = rng.uniform(0, math.pi)
    fan, stubble = rng.uniform(0.2, 0.9), rng.random() < 0.25
    step = np.linspace(-1, 1, 17)[:, None]
    for _ in range(rng.integers(6, 20)):
        direction = comb + rng.normal(0, fan)
        forward = np.array([math.cos(direction), math.sin(direction)])
        half_length = rng.uniform(0.08, 0.16) if stubble else rng.uniform(0.35, 1.1)
        bow = half_length * rng.normal(0, 0.18) * step**2 + half_length * rng.normal(0, 0.06) * step**3
        strand = rng.uniform(-0.95, 0.95, 2) + half_length * step * forward + bow * forward[::-1] * (1, -1)
        canvas.line(strand, rng.uniform(0.006, 0.0115), rng.uniform(0.6, 0.95))
    cover = canvas.averaged()
    colour = np.array([0.15, 0.11, 0.10], np.float32) * np.float32(rng.uniform(0.5, 2.0))
    return picture + cover[..., None] * (colour - picture), cover > 0.2


def _framed(picture: Plane, kind: str, rng: np.random.Generator) -> tuple[Plane, Mask]:
    """The picture in a black frame, a round field of view or a vignette, and where less than a third of it is lit."""
    x, y = _coordinates(len(picture))
    left, right, top, bottom = rng.uniform(0.1, 0.24, 4) * ((1, 1, 0, 0), (0, 0, 1, 1), (1, 1, 1, 1))[rng.integers(3)]
    centre, reach = rng.uniform(-0.06, 0.06, 2), rng.uniform(0.92, 1.2)
    blur = rng.uniform(0.02, 0.05)
    if kind == "box":
        lit = ((x > left - 1) & (x < 1 - right) & (y > top - 1) & (y < 1 - bottom)).astype(np.float32)
    else:
        if kind == "vignette":
            reach, blur = reach + 0.14, 0.14
        lit = _smooth_step((reach - np.hypot(x - centre[0], y - centre[1])) / blur).astype(np.float32)
    black = np.array([0.05, 0.04, 0.045], np.float32) * np.float32(rng.uniform(0.3, 1.5))
    return black + lit[..., None] * (picture - black), lit < 1 / 3


class _Canvas:
    """Thin marks, drawn large and averaged down, so that they keep their width in any size of picture."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.side = size * math.ceil(DRAWING_SIDE / size)
        self.ink = np.zeros((self.side, self.side), np.uint8)

    def dot(self, place: npt.NDArray[np.float64], radius: float, darkness: float) -> None:
        """A disc; `place` in -1..1, `radius` as a fraction of the side."""
        centre, reach = self._pixels(place).tolist(), round(16 * radius * self.side)
        cv2.circle(self.ink, centre, reach, 255 * darkness, -1, cv2.LINE_AA, 4)

    def line(self, points: npt.NDArray[np.float64], width: float, darkness: float) -> None:
        """A curve through (n, 2) points in -1..1; `width` as a fraction of the side."""
        width_pixels = max(1, round(width * self.side))
        cv2.polylines(self.ink, [self._pixels(points)], False, 255 * darkness, width_pixels, cv2.LINE_AA, 4)

    def averaged(self) -> Plane:
        """(size, size) ink, 0..1."""
        return cv2.resize(self.ink, (self.size, self.size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255

    def _pixels(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
        return np.round(((points + 1) / 2 * self.side - 0.5) * 16).astype(np.int32)  # cv2 counts sixteenths (shift 4)


def _stream(seed: int, index: int, name: str) -> np.random.Generator:
    """Random numbers of one part of one phantom: what another part draws does not move them."""
    return np.random.default_rng([seed, index, zlib.crc32(name.encode())])


def _noise(rng: np.random.Generator, cells: int, size: int) -> Plane:
    """Smooth noise of about unit variance with `cells` bumps a side, whatever the size in pixels."""
    grid = rng.standard_normal((cells, cells), np.float32)
    return cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC if size > cells else cv2.INTER_AREA)


def _fractal(rng: np.random.Generator, octaves: tuple[int, ...], size: int, fall: float = 0.6) -> Plane:
    """Noise of about unit variance in several sizes of bump at once, each `fall` times as high as the one before."""
    heights = fall ** np.arange(len(octaves))
    heights /= np.sqrt(np.sum(heights**2))
    total = np.zeros((size, size), np.float32)
    for height, cells in zip(heights, octaves, strict=True):
        total += np.float32(height) * _noise(rng, cells, size)
    return total


def _coordinates(size: int) -> tuple[Plane, Plane]:
    """X and y of the pixels' centres, -1..1."""
    line = ((np.arange(size, dtype=np.float32) + 0.5) / size) * 2 - 1
    return np.broadcast_to(line, (size, size)), np.broadcast_to(line[:, None], (size, size))


def _smooth_step(distance: Plane) -> Plane:
    """0 below -1, 1 above 1, a smooth ramp between."""
    ramp = np.clip(distance / 2 + 0.5, 0, 1)
    return ramp * ramp * (3 - 2 * ramp)
