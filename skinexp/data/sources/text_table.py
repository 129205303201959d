"""Tables in text files, as programs write them: any usual encoding and separator."""

import csv
import io
import logging
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from skinexp.core.errors import UserError

log = logging.getLogger(__name__)

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
OTHER_FILES = {  # the first bytes of a file that is no text
    b"PK\x03\x04": "an Excel workbook or a ZIP file",
    b"\xd0\xcf\x11\xe0": "an Excel workbook",
    b"PAR1": "a Parquet file",
    b"\x1f\x8b": "a compressed file",
}
LEAST_ZEROS = 0.3  # share of zero bytes at even or odd places from which text is UTF-16


def read_text_table(file: Path, is_text: Callable[[str], bool]) -> pd.DataFrame:
    """Reads a table with a header line; recognises its encoding and its separator.

    Args:
        file: UTF-8, UTF-16 or Windows-1252; with commas, semicolons, tabs or bars.
        is_text: whether the values of a column of that name stay as they are, `007` and `None` included, without
            blanks around them; an empty one is missing. Values of other columns are numbers if all of them are.

    Raises:
        UserError: if the file is no such table; with the line if a line is wrong.
    """
    lines, separator = _start(_decoded(file))
    text = "\n".join(lines)
    if not text.strip():
        raise UserError(f"data.manifest: {file} is no CSV table: it is empty")
    header = _checked_header(text, separator, file)
    names = [name for name in header if is_text(name)]
    texts = _read(text, separator, header, names, file, dtype=str, na_filter=False)
    others = _read(text, separator, header, [name for name in header if name not in names], file, low_memory=False)
    texts = texts.apply(lambda column: column.str.strip().replace("", None))
    frame = pd.concat([texts, others], axis=1)[header]
    frame = frame.dropna(how="all", ignore_index=True)  # lines of separators alone
    return _with_decimal_commas(frame) if separator == ";" else frame


def _read(text: str, separator: str, header: list[str], names: list[str], file: Path, **options: Any) -> pd.DataFrame:
    """Returns some columns of a table; `options` are those of `pandas.read_csv`."""
    if not names:
        return pd.DataFrame()
    try:
        with warnings.catch_warnings():  # about separators at the ends of lines, behind which there is nothing
            warnings.simplefilter("ignore", pd.errors.ParserWarning)
            frame = pd.read_csv(
                io.StringIO(text), sep=separator, header=0, names=header, index_col=False, usecols=names, **options
            )
    except pd.errors.ParserError as error:
        reason = str(error).removeprefix("Error tokenizing data. C error: ").strip()
        if "EOF inside string" in reason:
            reason = "a quotation mark is opened and not closed"
        raise UserError(f"data.manifest: {file} is no CSV table: {reason}") from error
    return frame


def _decoded(file: Path) -> str:
    content = file.read_bytes()
    for start, kind in OTHER_FILES.items():
        if content.startswith(start):
            raise UserError(f"data.manifest: {file} is {kind}, not a text table. Save the table as CSV (UTF-8)")
    encodings = [name for mark, name in BYTE_ORDER_MARKS.items() if content.startswith(mark)] or _candidates(content)
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not any(letter < " " and letter not in "\t\n\r\f\v" for letter in set(text)):
            if encoding == "cp1252":
                log.info("Manifest  %s is not UTF-8; it is read as Windows-1252", file)
            return text.replace("\r\n", "\n").replace("\r", "\n")
    raise UserError(
        f"data.manifest: {file} is no CSV table: its bytes are no text in UTF-8, UTF-16 or Windows-1252. Save the "
        "table as CSV (UTF-8)"
    )


def _candidates(content: bytes) -> list[str]:
    """Returns the encodings to try for text without a byte order mark."""
    start = content[:4096]
    for offset, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        places = start[offset::2]
        if places and places.count(0) > LEAST_ZEROS * len(places):
            return [encoding]
    return ["utf-8", "cp1252"]


def _start(text: str) -> tuple[list[str], str]:
    """Returns the lines from the header on, and the separator: of the header's parts there are the most with it."""
    lines = text.split("\n")
    while lines and not lines[0].strip():
        del lines[0]
    if lines and (named := lines[0].strip().strip('"')).startswith("sep=") and named[4:] in SEPARATORS:
        return lines[1:], named[4:]
    parts = {mark: len(next(csv.reader(lines[:1], delimiter=mark), [])) for mark in SEPARATORS}
    return lines, max(parts, key=lambda mark: parts[mark])


def _checked_header(text: str, separator: str, file: Path) -> list[str]:
    """Returns the names of the columns; raises a UserError if a line has more values, or if two names are equal."""
    rows = csv.reader(io.StringIO(text), delimiter=separator)
    try:
        header = [name.strip() or f"Unnamed: {place}" for place, name in enumerate(next(rows))]
        for row in rows:
            if any(value.strip() for value in row[len(header) :]):
                raise UserError(
                    f"data.manifest: line {rows.line_num} of {file} has {len(row)} values, the header has "
                    f"{len(header)}. Put values that hold a {SEPARATORS[separator]} into quotation marks"
                )
    except csv.Error as error:
        raise UserError(f"data.manifest: {file} is no CSV table: line {rows.line_num}: {error}") from error
    while len(header) > 1 and header[-1] == f"Unnamed: {len(header) - 1}" and _is_empty(text, separator, len(header)):
        header.pop()
    if repeated := _repeated(header):
        raise UserError(f"data.manifest: {file} has two columns that are called {repeated!r}. Rename one of them")
    return header


def _is_empty(text: str, separator: str, width: int) -> bool:
    """Returns whether no line has a value in the last of so many columns."""
    return not any(
        any(part.strip() for part in row[width - 1 :]) for row in csv.reader(io.StringIO(text), delimiter=separator)
    )


def _repeated(names: Sequence[str]) -> str | None:
    return next((name for place, name in enumerate(names) if name in names[:place]), None)


def _with_decimal_commas(frame: pd.DataFrame) -> pd.DataFrame:
    """Returns the table with numbers in place of text such as `0,5`, as Excel writes them beside semicolons."""
    decimal = [name for name in frame.columns if _has_decimal_commas(frame[name].dropna())]
    return frame.assign(**{name: frame[name].str.replace(",", ".").astype(float) for name in decimal})


def _has_decimal_commas(values: pd.Series) -> bool:
    is_text = len(values) and values.map(lambda value: isinstance(value, str)).all()
    return bool(is_text and values.str.fullmatch(r"[+-]?\d+(,\d+)?").all() and values.str.contains(",").any())
