"""The networks for tests over the registry: the tests of the deep ones take minutes together, and are slow tests."""

import pytest

from skinexp.contracts.backbones import CONTRACTS

SLOW = [pytest.param(name, marks=pytest.mark.slow) for name, contract in CONTRACTS.items() if not contract.shipped]
BACKBONES = [*(name for name, contract in CONTRACTS.items() if contract.shipped), *SLOW]
NETWORKS = ["scratch", *BACKBONES]
