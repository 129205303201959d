"""Passwords in addresses: what is shown, what is kept, and what opens a store."""

import logging

import pytest

from skinexp.core.credentials import PASSWORD, USERNAME, HidingFormatter, hidden, keep_password, with_password


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://name:secret@host:5000", "http://name:***@host:5000"),
        ("https://name:s%40cret@host/mlflow", "https://name:***@host/mlflow"),
        ("http://name:se@cret@host", "http://name:***@host"),
        ("http://name:12345@host", "http://name:***@host"),
        ("http://:secret@host", "http://:***@host"),
        ("postgresql://name:se/c?r#et@host/db", "postgresql://name:***@host/db"),
        ("mysql+pymysql://name:secret@host:3306/db?charset=utf8", "mysql+pymysql://name:***@host:3306/db?charset=utf8"),
        ("postgresql://host/db?user=name&password=secret", "postgresql://host/db?user=name&password=***"),
        ("mssql+pyodbc://?odbc_connect=DRIVER%3Dx%3BPWD%3Dsecret", "mssql+pyodbc://?odbc_connect=***"),
        ("s3://KEY:secret@bucket/path", "s3://KEY:***@bucket/path"),
        ("https://bucket/x?X-Amz-Signature=secret&a=1", "https://bucket/x?X-Amz-Signature=***&a=1"),
        ("token hf_secretsecretsecret.", "token hf_***."),
        ("tracking.uri=name:secret@host:5000", "tracking.uri=name:***@host:5000"),
        ("tracking.uri=http://a:secret@h,http://b:secret@h", "tracking.uri=http://a:***@h,http://b:***@h"),
        ("see 'http://name:secret@host', or log in", "see 'http://name:***@host', or log in"),
    ],
)
def test_a_password_is_not_shown(text, shown):
    assert hidden(text) == shown
    assert hidden(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:5000",
        "http://host:5000/users/a@b",
        "tracking.uri=http://host:5000,http://other:5000",
        '"http://host:5000" of a@b',
        "http://name@host",
        "sqlite:////data/a:b@c.db",
        "tracking.uri=sqlite:///mlflow.db",
        "data.path=C:\\images\\a@b",
        "model@package:x=y",
        "hf_short",
    ],
)
def test_what_is_no_password_is_shown(text):
    assert hidden(text) == text


def test_the_password_of_a_server_goes_into_mlflows_variables_and_out_of_the_address():
    environment = {USERNAME: "another"}
    assert keep_password("tracking.uri=http://name:s%40cret@host", environment) == "tracking.uri=http://name:***@host"
    assert environment == {USERNAME: "name", PASSWORD: "s@cret"}
    assert with_password("http://name:***@host:5000/x", environment) == "http://host:5000/x"


def test_a_database_gets_its_password_back():
    environment: dict[str, str] = {}
    shown = keep_password("postgresql://name:s%2Fe@host/db", environment)
    assert shown == "postgresql://name:***@host/db"
    assert with_password(shown, environment) == "postgresql://name:s%2Fe@host/db"
    assert with_password("postgresql://host/db?password=***", environment) == "postgresql://host/db?password=s%2Fe"


@pytest.mark.parametrize(
    ("address", "opened"),
    [
        ("http://name:***@host", "http://host"),
        ("postgresql://name:***@host/db", "postgresql://name@host/db"),  # ~/.pgpass
        ("sqlite:////data/mlflow.db", "sqlite:////data/mlflow.db"),
        ("http://host:5000", "http://host:5000"),
    ],
)
def test_without_a_password_mlflow_and_drivers_look_into_their_own_files(address, opened):
    assert with_password(address, {}) == opened


def test_the_name_in_an_address_belongs_to_the_password_in_the_environment():
    environment = {PASSWORD: "secret"}
    assert with_password("http://name:***@host", environment) == "http://host"
    assert environment == {USERNAME: "name", PASSWORD: "secret"}


def test_an_address_of_an_earlier_version_is_opened_without_its_password_in_it():
    environment: dict[str, str] = {}
    assert with_password("http://name:secret@host", environment) == "http://host"
    assert environment == {USERNAME: "name", PASSWORD: "secret"}


def test_tracebacks_in_logs_have_no_passwords():
    record = logging.LogRecord("x", logging.ERROR, "", 0, "%s", ("mysql://a:secret@h",), None)
    assert HidingFormatter("%(message)s").format(record) == "mysql://a:***@h"
    try:
        raise ValueError("http://a:secret@h")
    except ValueError as error:
        record.exc_info = (type(error), error, error.__traceback__)
    assert "ValueError: http://a:***@h" in HidingFormatter("%(message)s").format(record)
