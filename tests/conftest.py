"""What all tests share: where real images and weights are, and quiet settings for property tests."""

from pathlib import Path

import pytest
from hypothesis import settings

SHARED = Path(__file__).parents[2] / "shared"

settings.register_profile("skinexp", deadline=None, max_examples=50)  # no test depends on a clock
settings.load_profile("skinexp")


@pytest.fixture(scope="session")
def isic9() -> Path:
    """A folder of real dermoscopic photographs with a manifest."""
    return _present(SHARED / "data" / "isic9")


@pytest.fixture(scope="session")
def ham10000() -> Path:
    """A local data set of the hub's shape."""
    return _present(SHARED / "data" / "ham10000_100x75")


@pytest.fixture(scope="session")
def weights() -> Path:
    """A directory of pretrained backbones."""
    return _present(SHARED / "weights")


def _present(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"{path.name} is not beside this checkout: it may not be published with it")
    return path
