"""CSV and TSV from files and standard input."""

import gzip
import io
import sys

import numpy as np
import pytest

from isthmus.data import as_raw, read
from isthmus.exceptions import DataError, ParameterError

PEOPLE = "age,height,name\n30,1.8,Ann\n41,1.7,Bo\n"


def test_a_table_with_names(write):
    path = write("people.csv", PEOPLE)
    raw = read(path, drop=["name"])
    assert raw.kind == "table"
    assert raw.names == ("age", "height")
    assert raw.container == "pyarrow"
    assert raw.column_dtypes == ("int64", "double")
    assert raw.origin.endswith("people.csv")
    np.testing.assert_array_equal(raw.values, [[30, 1.8], [41, 1.7]])
    assert list(raw.extra["name"]) == ["Ann", "Bo"]


def test_as_raw_reads_paths_too(write):
    path = write("people.csv", PEOPLE)
    for source in (path, str(path)):
        assert as_raw(source, columns=["age"]).values.tolist() == [[30], [41]]


@pytest.mark.parametrize("mark", ["", "NA", "NaN", "nan", "null", "NULL", "N/A", '"NA"', "None"])
def test_marks_of_missing_values(write, mark):
    raw = read(write("gaps.csv", f"a,b\n1,{mark}\n{mark},2\n3,4\n"))
    np.testing.assert_array_equal(raw.values, [[1, np.nan], [np.nan, 2], [3, 4]])


def test_columns_without_any_value_are_missing(write):
    np.testing.assert_array_equal(read(write("a.csv", "a,b\n1,\n2,\n")).values, [[1, np.nan], [2, np.nan]])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.tsv", "a\tb\n1\t2\n3\t4\n"),
        ("t.csv", "a;b\n1;2\n3;4\n"),
        ("t.csv", "a|b\n1|2\n3|4\n"),
        ("t.csv", "\ufeffa,b\n1,2\n3,4\n"),
        ("t.csv", "a,b\r\n1,2\r\n3,4\r\n"),
        ("t.csv", "a,b\n1,2\n3,4"),
        ("t.csv", "a,b\n\n1,2\n3,4\n\n"),
        ("T.CSV", "a,b\n1,2\n3,4\n"),
    ],
    ids=["tab", "semicolon", "bar", "mark", "crlf", "no-end", "blank-lines", "capitals"],
)
def test_dialects(write, name, text):
    raw = read(write(name, text))
    assert raw.names == ("a", "b")
    np.testing.assert_array_equal(raw.values, [[1, 2], [3, 4]])


def test_separators_inside_quoted_names_are_not_counted(write):
    raw = read(write("t.csv", '"a;x;y",b\n1,2\n'))
    assert raw.names == ("a;x;y", "b")


def test_lines_inside_quoted_values(write):
    raw = read(write("t.csv", 'a,note\n1,"two\nlines"\n2,"one"\n'), drop="note")
    assert list(raw.extra["note"]) == ["two\nlines", "one"]


def test_gzipped(write):
    path = write("people.csv.gz", gzip.compress(PEOPLE.encode()))
    assert read(path, drop="name").values.shape == (2, 2)
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(DataError, match=r"people\.csv\.gz cannot be read: it is damaged or cut off"):
        read(path)


def test_a_column_without_a_name_is_set_aside(write):
    with pytest.warns(UserWarning, match="a column without a name.*set aside"):
        raw = read(write("t.csv", ",a\n0,5\n1,6\n"))
    assert raw.names == ("a",)
    assert list(raw.extra[""]) == [0, 1]


def test_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(PEOPLE.encode())))
    raw = read("-", columns=["height"])
    assert raw.origin == "standard input"
    assert raw.values.tolist() == [[1.8], [1.7]]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    with pytest.raises(DataError, match="standard input is empty"):
        read("-")
    with pytest.raises(ParameterError, match="size= resizes pictures"):
        read("-", size=(4, 4))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", r"t\.csv is empty \(0 bytes\)"),
        ("\n \n", r"t\.csv is empty: there is no line of column names"),
        ("a,b\n", r"0 sample\(s\).*t\.csv has no rows"),
        ("a,b\n1,2\n3\n", "rows of equal length.*Row #3: Expected 2 columns, got 1"),
        ("a,b\n1,2\n3,4,5\n", "Row #3: Expected 2 columns, got 3"),
        ("a,a,b\n1,2,3\n", "more than one column named 'a'"),
        ("1.5,2.5\n3.5,4.5\n", r"first line of .*t\.csv is a row of numbers \(1.5, 2.5\)"),
        ("7,3,5\n1,2,3\n", "is a row of numbers"),
        ("a,b\n1,2\n3,abc\n4,5\n", "Column 'b' .*numbers and something else.*row 1 .*value 'abc'"),
        ("a,time\n1,12:30:00\n", "Column 'time' .*times of day.*--drop time"),
        ("a,b\n1,inf\n2,3\n", None),
    ],
    ids=lambda x: repr(x)[:20],
)
def test_what_is_no_table_of_numbers(write, text, words):
    path = write("t.csv", text)
    if words is None:
        assert np.isinf(read(path).values[0, 1])  # refused by the preparation, which can say of which row
        return
    with pytest.raises(DataError, match=words):
        read(path)


def test_years_and_row_numbers_may_be_names(write):
    assert read(write("t.csv", "0,1,2\n5,6,7\n")).names == ("0", "1", "2")
    assert read(write("t.csv", "2019,2020\n5,6\n")).names == ("2019", "2020")


@pytest.mark.parametrize("content", [b"a,b\0\n1,2\n", "a,b\n1,2\n".encode("utf-16"), b"\x80\x03abc\0\0\0"])
def test_what_is_no_text(write, content):
    with pytest.raises(DataError, match="is no text"):
        read(write("t.csv", content))


def test_other_encodings(write):
    with pytest.raises(DataError, match=r"UTF-8"):
        read(write("t.csv", "größe,b\n1,2\n".encode("latin-1")))


def test_unknown_columns(write):
    with pytest.raises(DataError, match=r"drop='nmae'.*Did you mean 'name'"):
        read(write("people.csv", PEOPLE), drop=["nmae"])


def test_rows_of_a_file_as_sequences(write):
    raw = read(write("beats.csv", "0,1,2\n5,6,7\n8,9,10\n"), kind="sequence")
    assert raw.item_shape == (3, 1)
    assert raw.flat


def test_real_beats(shared):
    raw = read(shared("ecg5000-train500/beats.csv"), drop="label", kind="sequence")
    assert raw.values.shape == (299, 140, 1)
    assert set(raw.extra["label"]) <= {1, 2, 3, 4, 5}


def test_very_long_lines(write):
    width = 20_000  # of 60 digits: a line longer than what Arrow parses at a time by default
    names = ",".join(f"pixel{i}" for i in range(width))
    raw = read(write("wide.csv", f"{names}\n{','.join(['0.' + '123456' * 10] * width)}\n"))
    assert raw.item_shape == (width,)
