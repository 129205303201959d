"""The meaning of a store's errors, and the remedy, for each kind of store."""

import os
import re
from collections.abc import Callable
from functools import partial

import requests
from mlflow.exceptions import InvalidUrlException, MlflowException

from skinexp.core.credentials import HIDDEN, PASSWORD, hidden
from skinexp.core.python_command import python_command
from skinexp.tracking.store_address import LOCAL, kind_of, shown_uri

INVALID, ABSENT = "INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"  # MLflow's words for what it refuses
TOO_LARGE = 413
FAILED_WITH = re.compile(r"failed with error code (\d{3})|too many (\d{3}) error responses")
NO_REPLY = re.compile(r"^API request to \S+ failed with (timeout )?exception")
NO_MLFLOW = "the response body was not in a valid JSON format"
LONGEST = 300  # characters of a reason
TEMPORARY = (404, 408, 409, 425, 429)  # HTTP: a proxy without its server, time-outs, conflicts, too many requests
BUSY = (408, 429, 503)  # HTTP: no request will succeed now
IN_PLACE_OF_KEYS = {
    LOCAL: "or name another store: --uri ADDRESS",
    "tracking=local": "--uri sqlite:///mlflow.db",
    "tracking.uri=": "--uri ",
    "), or track into another one: tracking.experiment=NAME": ")",
}


class Unavailable(Exception):
    """The store cannot be used now; undelivered records stay in the outbox. The message is a sentence for the user."""


def http_status(error: BaseException) -> int | None:
    """Returns the HTTP status of the store's reply; None if there was no reply."""
    if isinstance(error, requests.HTTPError) and error.response is not None:  # of files
        return error.response.status_code
    if not isinstance(error, MlflowException):
        return None
    if found := FAILED_WITH.search(str(error)):  # MLflow knows names for a few statuses, and takes others for 500
        return int(found[1] or found[2])
    if isinstance(error, InvalidUrlException) or NO_REPLY.match(str(error)):
        return None
    return error.get_http_status_code()


def is_temporary(error: Exception) -> bool:
    """Returns whether the same request may succeed soon."""
    status = http_status(error)
    return status is None or status >= 500 or status in TEMPORARY


def is_absent(error: Exception) -> bool:
    """Returns whether MLflow itself, and no proxy, replies that there is no such run or experiment."""
    return isinstance(error, MlflowException) and error.error_code == ABSENT


def reason(error: BaseException) -> str:
    """Returns what is wrong in a few words: the HTTP status, or the message of the first error in the chain."""
    status = http_status(error)
    message = hidden(_first_message(error))[:LONGEST]
    if NO_MLFLOW in str(error):
        return "the reply is not one of MLflow, but perhaps a page to log in"
    if status is None or (isinstance(error, MlflowException) and not FAILED_WITH.search(str(error))):
        return message
    return f"HTTP {status}"


def refusal_of_one(error: Exception) -> str:
    """Returns why a store that replies did not take one record, and what to do."""
    status = http_status(error)
    if status == TOO_LARGE:
        return (
            "the server, or a proxy before it, refuses a request of this size (HTTP 413). Raise its limit, with nginx: "
            "client_max_body_size"
        )
    if status in (401, 403):
        return f"the account may not write this ({reason(error)}). Ask the owner of the server for the permission"
    if status == 404:
        return (
            f"the server does not know this request ({reason(error)}). A proxy before it may not pass it on, or its "
            "MLflow is older than 3"
        )
    return reason(error)


def explain(uri: str, error: BaseException) -> str:
    """Returns a sentence: what is wrong with the store, and what to do."""
    if isinstance(error, Unavailable):
        return str(error)
    status, shown = http_status(error), shown_uri(uri)
    if status == 401 and kind_of(uri) == "server":
        return (
            f"tracking.uri: {shown} does not accept these credentials. Set MLFLOW_TRACKING_USERNAME and "
            f"MLFLOW_TRACKING_PASSWORD (or MLFLOW_TRACKING_TOKEN), {LOCAL}"
        )
    return f"tracking.uri: {shown} cannot be used ({reason(error)}). {_remedy(uri, error)}"


def as_command_line(sentence: str) -> str:
    """Returns an explanation for a command that has the option --uri in place of the keys of a configuration."""
    for of_a_key, of_the_option in IN_PLACE_OF_KEYS.items():
        sentence = sentence.replace(of_a_key, of_the_option)
    return sentence


def _remedy(uri: str, error: BaseException) -> str:
    remedies: dict[str, Callable[[BaseException], str]] = {
        "sqlite": partial(_for_sqlite, uri),
        "server": _for_server,
        "folder": _for_folder,
        "database": partial(_for_database, uri),
        "databricks": lambda _: "Log in to Databricks (DATABRICKS_HOST and DATABRICKS_TOKEN), " + LOCAL,
    }
    general = "Name a file (tracking.uri=sqlite:///mlflow.db) or a server (tracking.uri=http://HOST:5000)"
    found = remedies.get(kind_of(uri))
    return found(error) if found else general


def _for_sqlite(uri: str, error: BaseException) -> str:
    message = f"{error} {_first_message(error)}"
    other = "use another file: tracking.uri=sqlite:///NAME.db"
    if "Invalid SQLite URL" in message or "Could not parse" in message:
        return "Write three slashes before the file's name: tracking.uri=sqlite:///mlflow.db"
    if "not a database" in message:
        return f"The file is not an SQLite database: {other}"
    if "No such revision" in message or "Can't locate revision" in message:
        return f"A newer MLflow made the file: install that version, or {other}"
    if "out-of-date" in message or "no such column" in message or "no such table" in message:
        return (
            f"Another MLflow made the file: copy it, then run {python_command()} -m mlflow db upgrade {uri}, or {other}"
        )
    if "locked" in message:
        return f"Another program uses the file: close it, or {other}"
    if "full" in message:
        return f"Free some space, or {other}"
    return f"Check that the file is a database of MLflow and can be written, or {other}"


def _for_database(uri: str, _: BaseException) -> str:
    if HIDDEN in uri and PASSWORD not in os.environ:
        return f"Its password is recorded nowhere: set {PASSWORD}, {LOCAL}"
    return f"Check that the database runs, and that its driver for Python is installed, {LOCAL}"


def _for_server(error: BaseException) -> str:
    status = http_status(error)
    if status == 403:
        return f"Ask the owner of the server for access, or correct the address, {LOCAL}"
    if NO_MLFLOW in str(error) or (status is not None and 400 <= status < 500):
        return f"There is no MLflow server at this address: correct it, {LOCAL}"
    if status is not None:
        return f"Look into the server's log, {LOCAL}"
    if isinstance(error, InvalidUrlException):
        return f"Write the address as http://HOST:5000, {LOCAL}"
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return f"Name the certificate of its authority (MLFLOW_TRACKING_SERVER_CERT_PATH), {LOCAL}"
    return f"Start a server there, {LOCAL}"


def _for_folder(_: BaseException) -> str:
    return (
        "Use a database: tracking.uri=sqlite:///mlflow.db. To take over the runs of a folder: "
        f"{python_command()} -m mlflow migrate-filestore --source mlruns --target sqlite:///mlflow.db"
    )


def _first_message(error: BaseException) -> str:
    """Returns the message of the first error in the chain; the errors around it repeat it at length."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    lines = str(error).splitlines() or [type(error).__name__]
    return re.sub(r"^([\w.]*(Exception|Error)|[A-Z_]+): ", "", lines[0].strip()).rstrip(".")
