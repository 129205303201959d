"""Names and values in a form that MLflow stores.

The rule for names: a character that MLflow does not allow becomes `_xHHHH_`, its code point in hexadecimal digits, as
in SQL/XML and in Excel's files: `melanoma (in situ)` becomes `melanoma _x0028_in situ_x0029_`. Two names never become
one.
"""

import re
from hashlib import sha256

NAME, PARAM_VALUE, TAG_VALUE = 250, 6_000, 8_000  # characters that MLflow stores
OLD_VALUE = 250  # of a param's value, in servers of earlier versions
ORIGINAL_TAG = "skinexp.name."  # begins the name of a tag that holds the original of a name

_REFUSED = re.compile(r"[^/\w.\- :]")
_REFUSED_BY_SOME = re.compile(r"[^/A-Za-z0-9_.\- ]")  # a colon: on Windows and by early servers
_LIKE_AN_ESCAPE = re.compile(r"_(?=x([0-9A-F]{4,6})?_)")
_DIGITS = 16  # of the digest at the end of a name that is too long


def accepted_name(name: str, strict: bool = False) -> str:
    """Returns a name of a metric, param or tag in the form that MLflow stores; most names do not change.

    Args:
        strict: whether to escape all but ASCII letters, digits and `/_.- `, which every server stores.
    """
    refused = _REFUSED_BY_SOME if strict else _REFUSED
    plain = refused.sub(_escaped, _LIKE_AN_ESCAPE.sub(_escaped, name))
    parts = plain.split("/")  # MLflow takes names for paths, and refuses those with empty, `.` or `..` parts
    plain = "".join(
        (re.sub(r"\.", _escaped, part) if part in (".", "..") else part) + _separator(parts, number)
        for number, part in enumerate(parts)
    )
    if len(plain) > NAME:
        digest = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
        plain = f"{plain[: NAME - _DIGITS - 1].rstrip('/')}_{digest[:_DIGITS]}"
    return plain or "_x_"


def accepted_value(value: str, limit: int) -> str:
    """Returns a value in the form that MLflow and its databases store; one that is too long is cut, and says so."""
    plain = value.encode("utf-8", "backslashreplace").decode().replace("\0", r"\x00")
    if len(plain) <= limit:
        return plain
    end = f" ... (the first of {len(value)} characters)"
    return plain[: limit - len(end)] + end


def original_tags(names: dict[str, str]) -> dict[str, str]:
    """Returns the tags that hold the originals of names that were escaped.

    Args:
        names: originals by the names that were sent.
    """
    return {
        ORIGINAL_TAG + sent[len(ORIGINAL_TAG) - NAME :]: accepted_value(original, TAG_VALUE)
        for sent, original in names.items()
        if sent != original
    }


def _escaped(match: re.Match[str]) -> str:
    return f"_x{ord(match[0]):04X}_"


def _separator(parts: list[str], number: int) -> str:
    """Returns the slash behind a part, escaped if it would make an empty part; nothing behind the last one."""
    if number == len(parts) - 1:
        return ""
    return "/" if parts[number] and parts[number + 1] else "_x002F_"
