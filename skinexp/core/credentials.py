"""Passwords and tokens in addresses: a command uses them, and shows and writes `***` in their place.

The password of a tracking store goes into MLflow's variables of the environment, from which this process and its
children take it. A later command that resumes or delivers the run needs these variables, or a file that MLflow or the
driver of the database reads.
"""

import logging
import os
import re
from collections.abc import MutableMapping
from urllib.parse import quote, unquote, unquote_plus

HIDDEN = "***"
USERNAME, PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"
STORE = "MLFLOW_TRACKING_URI"

_IN_AUTHORITY = re.compile(
    r"(?:(?<=://)|(?<=tracking\.uri=))(?P<user>[^/@:\s]*):(?!//)"  # behind a protocol, or where it is missing
    r"(?!\d{1,5}(?:[/?#,\s\"')\]]|$))"  # a port
    r"(?P<password>[^/\s]*(?=@)|[^@\s]*)@"  # up to the last @ before a slash; drivers of databases take slashes too
)
_IN_QUERY = re.compile(
    r"(?i)(?<=[?&;])(?P<key>password|passwd|pwd|sslpassword|token|access_token|secret|secret_key|awsaccesskeyid|signature"
    r"|odbc_connect|x-amz-signature|x-amz-credential|x-amz-security-token)=(?P<password>[^&;\s\"']+)"
)
_TOKEN = re.compile(r"\bhf_[A-Za-z0-9]{16,}")  # of the Hugging Face hub
_SERVER = re.compile(r"(?P<scheme>https?://)[^/@\s]*@", re.IGNORECASE)


class HidingFormatter(logging.Formatter):
    """A format of log lines, tracebacks included, without passwords."""

    def format(self, record: logging.LogRecord) -> str:
        return hidden(super().format(record))


def hidden(text: str) -> str:
    """Returns a text with `***` for each password or token in it: `http://name:***@host`."""
    text = _IN_AUTHORITY.sub(rf"\g<user>:{HIDDEN}@", text)
    text = _IN_QUERY.sub(rf"\g<key>={HIDDEN}", text)
    return _TOKEN.sub(f"hf_{HIDDEN}", text)


def keep_password(address: str, environment: MutableMapping[str, str] = os.environ) -> str:
    """Moves the password in the address of a tracking store into the environment.

    Args:
        address: of a store, or a text with one, such as `tracking.uri=http://name:secret@host`.
        environment: receives the user's name and the password.

    Returns:
        The address with `***` for the password.
    """
    found = _IN_AUTHORITY.search(address)
    if found and found["password"] != HIDDEN:
        if found["user"]:
            environment[USERNAME] = unquote(found["user"])
        environment[PASSWORD] = unquote(found["password"])
    elif (found := _IN_QUERY.search(address)) and found["password"] != HIDDEN:
        environment[PASSWORD] = unquote_plus(found["password"])
    return hidden(address)


def with_password(address: str, environment: MutableMapping[str, str] = os.environ) -> str:
    """Returns the address with which a store is opened.

    That of a server has neither name nor password: MLflow reads them from the environment or its own file, and would
    print an address that has them. That of a database has its password again; without one in the environment, the
    driver looks for it.

    Args:
        address: of the store, perhaps with `***`.
        environment: has the password.
    """
    address = keep_password(address, environment)
    if _SERVER.match(address):
        user = _IN_AUTHORITY.search(address)
        if user and user["user"] and PASSWORD in environment:
            environment.setdefault(USERNAME, unquote(user["user"]))
        return without_user(address)
    if PASSWORD in environment:
        return address.replace(HIDDEN, quote(environment[PASSWORD], safe=""))
    return re.sub(rf":{re.escape(HIDDEN)}(?=@)|[?&]\w+={re.escape(HIDDEN)}", "", address)


def without_user(address: str) -> str:
    """Returns the address of a server without name and password; every other address as it is."""
    return _SERVER.sub(r"\g<scheme>", address)
