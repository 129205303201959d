"""Figures as data inside a page, each with an alternative text."""

import base64
import io
from dataclasses import dataclass

from matplotlib.figure import Figure
from PIL import Image

from skinexp.report.figures import style

# The pictures are drawn at this many pixels an inch, and a page counts 96 to the inch.
SCALE = 96 / style.PIXELS_PER_INCH

WIDE = 700  # pixels of the page beyond which a figure, as wide as a phone, could not be read


@dataclass(frozen=True)
class EmbeddedFigure:
    """A figure as data inside a page; width and height in the page's pixels."""

    source: str
    alternative: str
    width: int
    height: int

    @property
    def is_wide(self) -> bool:
        """Whether it scrolls sideways on a narrow screen instead of shrinking."""
        return self.width > WIDE


def embed(figure: Figure, alternative: str, photographs: bool = False) -> EmbeddedFigure:
    """Returns a figure as data inside the page; one with photographs as WebP, a tenth of the size."""
    data, kind = style.png(figure), "png"
    with Image.open(io.BytesIO(data)) as image:
        width, height = image.size
        if photographs:
            smaller = io.BytesIO()
            image.convert("RGB").save(smaller, format="webp", quality=90)
            data, kind = smaller.getvalue(), "webp"
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
    return EmbeddedFigure(source, alternative, round(width * SCALE), round(height * SCALE))
