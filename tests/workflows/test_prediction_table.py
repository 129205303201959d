"""Tables of predictions: written as they come, whole under their own name or not there."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet

from skinexp.core.errors import UserError
from skinexp.workflows import prediction_table as tables
from skinexp.workflows.prediction_table import check_output, prediction_table


def rows(*names: str) -> pd.DataFrame:
    """One row a name; the last one has an error instead of a prediction."""
    usable = np.arange(len(names)) < len(names) - 1
    return pd.DataFrame(
        {
            "file": names,
            "probability": np.where(usable, 1 / 3, np.nan),
            "predicted": ["benign" if use else None for use in usable],
            "logit": np.where(usable, np.float32(0.1), np.float32(np.nan)).astype(np.float32),
            "error": [None if use else "damaged" for use in usable],
        }
    )


def write(output: Path, *batches: pd.DataFrame) -> None:
    with prediction_table(output) as append:
        for batch in batches:
            append(batch)


def test_csv_and_parquet_hold_the_same(tmp_path):
    batches = [rows("a", "b, c"), rows('d "e"', "f\ng")]
    for name in ("p.csv", "p.parquet"):
        write(tmp_path / name, *batches)
    csv, stored = pd.read_csv(tmp_path / "p.csv"), pd.read_parquet(tmp_path / "p.parquet")
    assert list(csv) == list(stored) == ["file", "probability", "predicted", "logit", "error"]
    assert stored["file"].tolist() == ["a", "b, c", 'd "e"', "f\ng"]
    assert stored["logit"].dtype == np.float32
    pd.testing.assert_frame_equal(csv, stored, check_dtype=False)


def test_a_csv_table_has_one_header_and_no_digits_that_a_logit_does_not_have(tmp_path):
    write(tmp_path / "p.csv", rows("a", "b"), rows("c", "d"))
    lines = (tmp_path / "p.csv").read_text().splitlines()
    assert lines[:3] == ["file,probability,predicted,logit,error", "a,0.3333333333333333,benign,0.1,", "b,,,,damaged"]
    assert len(lines) == 5


def test_rows_are_on_the_disk_before_the_end_and_the_file_is_not(tmp_path):
    with prediction_table(tmp_path / "p.csv") as append:
        append(rows("a", "b"))
        (part,) = tmp_path.iterdir()
        assert part.suffix == ".part"
        assert len(part.read_text().splitlines()) == 3
    assert [file.name for file in tmp_path.iterdir()] == ["p.csv"]


def test_a_parquet_table_is_written_in_row_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "ROW_GROUP", 4)
    write(tmp_path / "p.parquet", *[rows("a", "b")] * 5)
    file = parquet.ParquetFile(tmp_path / "p.parquet")
    assert [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)] == [4, 4, 2]


@pytest.mark.parametrize("name", ["p.csv", "p.parquet"])
def test_a_table_that_is_not_finished_leaves_the_older_one(name, tmp_path):
    write(tmp_path / name, rows("a", "b"))
    before = (tmp_path / name).read_bytes()

    def stopped() -> None:
        with prediction_table(tmp_path / name) as append:
            append(rows("c", "d"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert (tmp_path / name).read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_without_a_file_the_table_goes_to_the_standard_output(capsys):
    with prediction_table(None) as append:
        append(rows("a", "b"))
    assert capsys.readouterr().out.splitlines()[2] == "b,,,,damaged"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("p.xlsx", "--output: must end in .csv or .parquet. Received: p.xlsx"),
        ("p", "--output: must end in .csv or .parquet. Received: p"),
        ("no/p.csv", "--output: there is no directory no. Create it first. Received: no/p.csv"),
        ("is.csv", "--output: is a directory; name a file. Received: is.csv"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_in_a_sentence(name, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("is.csv").mkdir()
    with pytest.raises(UserError) as refused:
        check_output(Path(name))
    assert str(refused.value) == message


def test_a_file_that_turns_out_not_to_be_writable_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match=r"^--output: .*file/p.csv cannot be written: Not a directory$"):
        write(tmp_path / "file" / "p.csv", rows("a", "b"))


def test_suffixes_may_be_capital(tmp_path):
    check_output(tmp_path / "P.CSV")
