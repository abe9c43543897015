"""Writing results: the format goes by the ending, and a file is written whole or not at all."""

# ruff: noqa: PLC0415 - what is slow to import is imported once a command runs

from __future__ import annotations

import csv
import io
import os
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from isthmus.cli.sequences import are_sequences, by_step, padded
from isthmus.cli.text_files import STANDARD, TEXT, TEXT_FORMATS, check_texts
from isthmus.exceptions import DataError, ModelFileError, ParameterError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

STANDARD_OUTPUT = "-"
#: What is written to standard output at once.
PIPE_BYTES = 65_536
#: Column that holds the names of pictures.
FILE_NAME = "file_name"


@dataclass
class Result:
    """Rows to be written.

    Parameters
    ----------
    values : array, tensor or frame of n rows
        As the estimator gave them.
    names : list of str, optional
        Names of the columns, where `values` has none; else made up.
    carried : mapping of str to array of shape (n,)
        Columns of the source that were set aside.
    row_names : tuple of str, optional
        File names of pictures.
    across : int, optional
        Pictures in a line of a grid.
    """

    values: Any
    names: list[str] | None = None
    carried: Mapping[str, Any] = field(default_factory=dict)
    row_names: tuple[str, ...] | None = None
    across: int | None = None

    def array(self) -> np.ndarray:
        """Give the values as one array of shape (n, ...)."""
        import numpy as np

        if are_sequences(self.values):
            return padded(self.values)[0]
        to_numpy = getattr(self.values, "to_numpy", None)
        if to_numpy is not None:  # pandas and polars
            return to_numpy()
        if hasattr(self.values, "column_names"):  # pyarrow
            return np.column_stack([column.to_numpy() for column in self.values.columns])
        return np.asarray(self.values)

    def beside(self) -> dict[str, np.ndarray]:
        """Give the columns that go with the values: names of pictures, and what was set aside."""
        import numpy as np

        named = {} if self.row_names is None else {FILE_NAME: np.asarray(self.row_names, dtype=object)}
        if are_sequences(self.values):
            named["lengths"] = padded(self.values)[1]
        return named | {name: np.asarray(column) for name, column in self.carried.items()}

    def table(self) -> pa.Table:
        """Give one table: names of pictures, values (items of more axes flat), what was set aside."""
        import narwhals as nw
        import numpy as np
        import pyarrow as pa

        if are_sequences(self.values):
            return by_step(self.values, self.row_names)
        frame = nw.from_native(self.values, eager_only=True, pass_through=True)
        if isinstance(self.values, list):  # texts, or events
            values = pa.table({TEXT: pa.array([v if isinstance(v, str) else v.tolist() for v in self.values])})
        elif isinstance(frame, nw.DataFrame):
            values = frame.to_arrow()
        else:
            array = self.array()
            names = self.names or ["x" + "_".join(map(str, at)) for at in np.ndindex(array.shape[1:])]
            flat = array.reshape(len(array), -1)
            values = pa.table([pa.array(flat[:, j], from_pandas=True) for j in range(flat.shape[1])], names=names)
        columns = dict(zip(values.column_names, values.columns, strict=True))
        beside = {_unused(name, columns): pa.array(column, from_pandas=True) for name, column in self.beside().items()}
        first = {name: column for name, column in beside.items() if name == FILE_NAME}
        return pa.table(first | columns | beside)


# Formats ---------------------------------------------------------------------------------------------------


def csv_bytes(result: Result) -> bytes:
    """Write CSV with a line of names; missing values are empty."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    table = result.table()
    heading = io.StringIO()
    csv.writer(heading, lineterminator="\n").writerow(table.column_names)
    body = pa.BufferOutputStream()
    # Arrow puts every name in quotes, which is right but ugly; the csv module only where it must.
    arrow_csv.write_csv(table, body, arrow_csv.WriteOptions(include_header=False))
    return heading.getvalue().encode() + body.getvalue().to_pybytes()


def parquet_bytes(result: Result) -> bytes:
    """Write Parquet."""
    from pyarrow import parquet

    buffer = io.BytesIO()
    parquet.write_table(result.table(), buffer)
    return buffer.getvalue()


def feather_bytes(result: Result) -> bytes:
    """Write Feather."""
    from pyarrow import feather

    buffer = io.BytesIO()
    feather.write_feather(result.table(), buffer)
    return buffer.getvalue()


def npy_bytes(result: Result) -> bytes:
    """Write the values alone, in their own shape."""
    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, result.array(), allow_pickle=False)
    return buffer.getvalue()


def npz_bytes(result: Result) -> bytes:
    """Write the values as X, in their own shape, and what goes with them under its names."""
    import numpy as np

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:  # numpy.savez refuses some names
        for name, array in {**result.beside(), "X": result.array()}.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                plain = array.astype(str) if array.dtype.kind in "OM" else array
                np.lib.format.write_array(file, plain, allow_pickle=False)
    return buffer.getvalue()


def grid_bytes(result: Result) -> bytes:
    """Write pictures as one PNG, line by line."""
    from PIL import Image

    from isthmus.evaluation import picture_grid

    buffer = io.BytesIO()
    Image.fromarray(picture_grid(_pictures(result), result.across)).save(buffer, "PNG")
    return buffer.getvalue()


#: Ending of a file that holds all pictures in a grid.
GRID = ".png"
#: Formats of rows by ending.
FORMATS: dict[str, Callable[[Result], bytes]] = {
    ".csv": csv_bytes,
    ".parquet": parquet_bytes,
    ".feather": feather_bytes,
    ".npy": npy_bytes,
    ".npz": npz_bytes,
}


# Destinations: checked before the work, written after it ---------------------------------------------------


def check_file(to: str, endings: tuple[str, ...], source: str = "") -> None:
    """Refuse a destination that could not be written, before any work.

    Raises
    ------
    ParameterError
        Its ending is not known, it is a folder, or it is the source itself.
    ModelFileError
        Its place cannot be written.
    """
    if ending_of(to) not in endings:
        given = f"ends in {ending_of(to)!r}" if ending_of(to) else "has no ending"
        raise ParameterError(
            f"--to {to}: the name {given}, but the ending says the format. Known are {', '.join(endings)}."
        )
    path = Path(to)
    if path.is_dir():
        raise ParameterError(f"--to {to}: a folder has this name. Give the name of a file.")
    if source not in ("", STANDARD_OUTPUT) and path.exists() and Path(source).exists() and path.samefile(source):
        raise ParameterError(f"--to {to}: this is the source itself, which would be lost. Give another name.")
    try_place(path)


def try_place(path: Path) -> None:
    """Refuse a place where nothing can be made, by trying it: permissions alone do not tell on every disk.

    Raises
    ------
    ModelFileError
    """
    from isthmus.storage.atomic import is_special

    if is_special(path):
        return
    parent = next(place for place in path.absolute().parents if place.exists())
    try:
        with tempfile.TemporaryDirectory(prefix=".isthmus-", dir=parent):
            pass
    except OSError as error:
        raise ModelFileError(
            f"Cannot write {path}: nothing can be made in {parent} ({error.strerror or error}). Give another place."
        ) from error


def check_rows(to: str, source: str = "", *, pictures: bool = False) -> None:
    """Refuse a destination for rows: a file, standard output, or (where allowed) a folder or grid of pictures."""
    if to == STANDARD_OUTPUT or (pictures and ending_of(to) == ""):
        return
    check_file(to, (*FORMATS, GRID, *TEXT_FORMATS) if pictures else tuple(FORMATS), source)
    path = Path(to)
    inside = source not in ("", STANDARD_OUTPUT) and Path(source).resolve() in path.resolve().parents
    if ending_of(to) == GRID and inside and path.exists():
        raise ParameterError(f"--to {to}: this is a picture of the source, which would be lost. Give another name.")


def check_pictures(to: str, schema: Any, *, force: bool) -> None:
    """Refuse a folder or grid for pictures where the rows are none, or where something is there already."""
    from isthmus.storage.atomic import check_folder

    if check_texts(to, ending_of(to), schema.kind) or to == STANDARD_OUTPUT or ending_of(to) in FORMATS:
        return
    known = ", ".join(FORMATS)
    if schema.kind != "image":
        means = (
            f"{GRID} means a grid of pictures"
            if ending_of(to)
            else "a name without ending means a folder of PNG pictures"
        )
        raise ParameterError(
            f"--to {to}: {means}, but this model is of the kind {schema.kind!r}. Give a name that ends in {known}."
        )
    if ending_of(to):
        if Path(to).exists() and not force:
            raise ModelFileError(f"There is a picture {to} already. Give another name, or --force to replace it.")
        return
    if schema.dtype not in ("uint8", "uint16", "bool"):
        raise ParameterError(
            f"--to {to}: this model gives pictures of {schema.dtype}, which PNG cannot hold. "
            f"Give a name that ends in {known}."
        )
    check_folder(to)
    if Path(to).is_dir() and any(Path(to).iterdir()) and not force:
        raise ModelFileError(
            f"The folder {to} is not empty. Give another name, or --force to write among what is there."
        )


def write_rows(to: str, result: Result) -> None:
    """Write rows to where and in what `to` says."""
    from isthmus.storage.atomic import write_bytes

    ending = ending_of(to)
    if isinstance(result.values, list) and to == STANDARD_OUTPUT:
        ending = STANDARD[TEXT if isinstance(result.values[0], str) else "events"]
    if ending in TEXT_FORMATS:
        data = TEXT_FORMATS[ending](list(result.values))
        _to_standard_output(data) if to == STANDARD_OUTPUT else write_bytes(to, data)
    elif to == STANDARD_OUTPUT:
        _to_standard_output(csv_bytes(result))
    elif ending_of(to):
        write_bytes(to, grid_bytes(result) if ending_of(to) == GRID else FORMATS[ending_of(to)](result))
    else:
        _write_pictures(to, result)


def ending_of(to: str) -> str:
    """Give the ending of a file's name, in lower case; a folder has none."""
    return "" if to.endswith(("/", os.sep)) else Path(to).suffix.lower()


def _to_standard_output(data: bytes) -> None:
    """Write all of the bytes, or raise an OSError; one large write may end short of that without an error."""
    left = memoryview(data)
    while left:
        left = left[sys.stdout.buffer.write(left[:PIPE_BYTES]) :]
    sys.stdout.buffer.flush()


def _write_pictures(to: str, result: Result) -> None:
    """Write one PNG a row into a folder, under the names that the pictures had."""
    import numpy as np
    from PIL import Image

    from isthmus.storage.atomic import folder

    array = _pictures(result)
    if array.dtype.kind == "f":
        raise DataError("These pictures have missing values, which PNG cannot hold. Write .npy or .npz instead.")
    if array.dtype == bool:
        array = array.astype(np.uint8) * 255
    with folder(to) as new:
        for name, picture in zip(_picture_names(result, len(array)), array, strict=True):
            path = new / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture[..., 0] if picture.ndim == 3 and picture.shape[-1] == 1 else picture).save(path)


def _pictures(result: Result) -> np.ndarray:
    """Give pictures as one array, channels last."""
    import numpy as np

    array = result.array()
    if array.ndim == 4 and array.shape[1] in (1, 3, 4) and array.shape[-1] not in (1, 3, 4):
        array = np.moveaxis(array, 1, -1)  # a model of tensors gives channels first
    return array


def _picture_names(result: Result, n: int) -> list[str]:
    """Names of the pictures, ending in .png; numbers where they have none of their own each."""
    numbers = [f"{i:0{max(5, len(str(n)))}}.png" for i in range(n)]
    if result.row_names is None or len(set(result.row_names)) < n:
        return numbers
    for name in result.row_names:  # they may come from a file of codes
        if PurePosixPath(name).is_absolute() or ".." in name.replace("\\", "/").split("/"):
            raise DataError(f"The {FILE_NAME} {name!r} leads out of the folder to write in. Give names without '..'.")
    wanted = [str(PurePosixPath(name).with_suffix(".png")) for name in result.row_names]
    times = Counter(wanted)
    # a.jpg beside a.png: both keep their whole name.
    return [new if times[new] == 1 else f"{old}.png" for new, old in zip(wanted, result.row_names, strict=True)]


def _unused(name: str, taken: Mapping[str, Any]) -> str:
    while name in taken:
        name += "_"
    return name
