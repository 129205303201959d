"""The address of an MLflow store: its kind, its local file, and what cannot be an address."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from skinexp.core import credentials

LOCAL = "or track into a local file: tracking=local"
NETWORK = ("http", "https")
DATABASES = ("postgresql", "mysql", "mssql", "oracle")
SQLITE = "sqlite:///"
IN_MEMORY = ("sqlite://", SQLITE, "sqlite:///:memory:")
HOST_AND_PORT = re.compile(r"[\w.\-]+:\d+(/.*)?")
LOADS_CODE = re.compile(
    r"(?i)[?&](?P<name>plugin_dir|read_default_file|init_command|odbc_connect)=(?!\*\*\*)"
    r"|[?&](?P<driver>driver)=[^&]*([/\\]|%2f|%5c)"
)


def kind_of(uri: str) -> str:
    """Returns the kind of a store: sqlite, database, server, databricks, folder, or an empty text."""
    scheme = urlsplit(uri).scheme.partition("+")[0]
    if scheme == "sqlite":
        return "sqlite"
    if scheme in DATABASES:
        return "database"
    if scheme in NETWORK:
        return "server"
    if scheme.startswith("databricks") or uri == "databricks":
        return "databricks"
    return "folder" if scheme in ("", "file") else ""


def sqlite_file(uri: str) -> Path | None:
    """Returns the file of a local store; None for every other store."""
    file = uri.removeprefix(SQLITE)
    return Path(file) if file != uri else None


def shown_uri(uri: str) -> str:
    """Returns an address without the password in it."""
    return credentials.hidden(uri)


def parameter_that_loads_code(uri: str) -> str:
    """Returns the parameter in the address of a database by which its driver loads a library or runs commands.

    Such an address is for the person who types it. Returns an empty text if there is no such parameter.
    """
    found = LOADS_CODE.search(uri)
    return (found["name"] or found["driver"]) if found else ""


def unusable(uri: str) -> str:
    """Returns why an address cannot be a store, and what to do; an empty text if it can.

    MLflow takes an address without a protocol for a folder.
    """
    if not uri.strip():
        return f"tracking.uri: is empty. Name a server (tracking.uri=http://HOST:5000), {LOCAL}"
    if HOST_AND_PORT.fullmatch(uri):
        return f"tracking.uri: {uri} names no protocol. Use tracking.uri=http://{uri}"
    if uri in IN_MEMORY:
        return f"tracking.uri: {uri} is a store in memory, which ends with the process. Name a file: tracking=local"
    return ""


def absolute(uri: str, directory: Path) -> str:
    """Returns an address that means the same in every working directory.

    Args:
        directory: the working directory in which the address was typed; a file that is not there may be in the present
            one, if everything was moved.
    """
    prefix = SQLITE if kind_of(uri) == "sqlite" else ""
    is_folder = kind_of(uri) == "folder" and not uri.startswith("file:")
    if unusable(uri) or not (is_folder or sqlite_file(uri)):
        return uri
    place = Path(uri.removeprefix(prefix))
    moved = place.exists() and not (directory / place).exists()
    return f"{prefix}{place.resolve() if moved else directory / place}"
