"""The documentation site: it builds without a warning, and has a place for every key and every command."""

import html
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from generators import commands, configuration

from skinexp.config import Config, reference

KEYS = [option.key for option in reference(Config)]


@pytest.fixture(scope="module")
def site(root, tmp_path_factory) -> Path:
    """The built site."""
    if find_spec("mkdocs") is None:
        pytest.skip("needs the dependency group docs")
    place = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(place)]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(words, cwd=root, env=quiet, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    return place


@pytest.fixture(scope="module")
def keys_page(site) -> str:
    return (site / "reference" / "configuration" / "index.html").read_text()


def test_the_site_loads_nothing_from_elsewhere(site):
    for page in site.rglob("*.html"):
        loaded = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(https?://[^"]+)"', page.read_text())
        assert not [address for address in loaded if "canonical" not in address], page


@pytest.mark.parametrize("key", [*KEYS, "lr_find.steps", "pretrain.warm_up"])
def test_each_key_is_in_the_reference(keys_page, key):
    assert f"<code>{key}</code>" in keys_page


@pytest.mark.parametrize("command", commands.find_commands(), ids=lambda command: command.module)
def test_each_command_has_a_page_with_its_help(site, command):
    page = (site / commands.page_name(command)).with_suffix("") / "index.html"
    text = html.unescape(re.sub("<[^>]+>", "", page.read_text()))
    assert commands.read_help(command).splitlines()[-1] in text


def test_a_page_links_to_the_page_of_a_notebook(site):
    assert 'href="../../notebooks/first_run/"' in (site / "reference" / "python" / "index.html").read_text()


def test_a_key_is_shown_with_its_default_type_bounds_and_meaning():
    rows = {option.key: configuration.row(option) for option in reference(Config)}
    assert rows["optim.lr"] == "| `optim.lr` | `0.001` | float, >&nbsp;0 | learning rate of the first phase |"
    assert "| `auto`, `tensorflow`, `jax`, `torch` |" in rows["compute.backend"]
    assert "| int or null, ≥&nbsp;" in rows["data.workers"]


def test_the_options_of_a_group_are_listed_with_what_they_set(root):
    page = configuration.generate()
    for file in (root / "conf" / "model").glob("*.yaml"):
        assert f"| `model={file.stem}` |" in page
    assert "`optim.lr=1e-2`<br>`optim.schedule=cosine`" in page
    assert "`data=isic_binary`" in page
    assert "sweeps over `data.split.group=null,auto`" in page
