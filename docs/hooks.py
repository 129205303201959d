"""MkDocs hook: adds the pages that are generated from the code, and the documents of the repository's root."""

import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))

from generators import commands, configuration, notebook, root_documents

COMMANDS = "Commands"  # the title in the navigation of mkdocs.yml that is replaced by one page for each command


def on_config(config: Any) -> Any:
    """Puts one page for each command into the navigation, so that a new command needs no edit there."""
    listed = [commands.INDEX, *(commands.page_name(command) for command in commands.find_commands())]
    for section in config.nav:
        for title, pages in section.items():
            section[title] = [{COMMANDS: listed} if page == {COMMANDS: commands.INDEX} else page for page in pages]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Adds the generated pages."""
    for name, content in generate_pages().items():
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Lets a page that is written by hand link to a notebook's page, where the repository has the notebook."""
    return markdown if page.file.generated_by else re.sub(r"[.]ipynb\)", ".md)", markdown)


def generate_pages() -> dict[str, str]:
    """Returns the content of each generated page by its path below docs/."""
    return {
        **root_documents.generate(),
        configuration.PAGE: configuration.generate(),
        **commands.generate(),
        **notebook.generate(),
    }
