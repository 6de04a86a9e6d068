"""Fake pandas for the cells of the book that prepare tables.

The book selects columns of numbers by `dtypes != "object"`. From pandas 3, text has another dtype, so its cells fail.
"""

import statistics
from collections.abc import Callable, Sequence
from importlib.metadata import version

__version__ = version("pandas")

Value = float | str | None
_TEXT_DTYPE = "object" if int(__version__.split(".")[0]) < 3 else "str"


class Series:
    """A column. Operators work with a number."""

    def __init__(self, values: Sequence[Value]) -> None:
        """Create the column."""
        self.values = list(values)

    @property
    def dtype(self) -> str:
        """Return the name of the type."""
        return _TEXT_DTYPE if any(isinstance(value, str) for value in self.values) else "float64"

    def mean(self) -> float:
        """Return the mean of the numbers that are there.

        :raises TypeError: the column contains text
        """
        return statistics.mean(self._list_numbers())

    def std(self) -> float:
        """Return the standard deviation of the numbers that are there."""
        return statistics.stdev(self._list_numbers())

    def _list_numbers(self) -> list[float]:
        if self.dtype == _TEXT_DTYPE:
            raise TypeError(f"Cannot perform reduction 'mean' with {self.dtype} dtype")
        return [value for value in self.values if isinstance(value, float)]

    def _map(self, function: Callable[[float], float]) -> "Series":
        return Series([function(value) if isinstance(value, float) else value for value in self.values])

    def __sub__(self, number: float) -> "Series":
        """Return the differences."""
        return self._map(lambda value: value - number)

    def __truediv__(self, number: float) -> "Series":
        """Return the quotients."""
        return self._map(lambda value: value / number)


class Dtypes(dict[str, str]):
    """Types by column."""

    def __ne__(self, dtype: object) -> "list[str]":  # type: ignore[override]
        """Return the columns of another type."""
        return [name for name, other in self.items() if other != dtype]

    def __getitem__(self, names: "list[str]") -> "Dtypes":  # type: ignore[override]
        """Return the types of these columns."""
        return Dtypes({name: self.get(name, "") for name in names})

    @property
    def index(self) -> "list[str]":
        """Return the names of the columns."""
        return list(self)


class DataFrame:
    """A table."""

    def __init__(self, columns: dict[str, Sequence[Value]]) -> None:
        """Create the table."""
        self._columns = {name: Series(values) for name, values in columns.items()}

    @property
    def columns(self) -> list[str]:
        """Return the names of the columns."""
        return list(self._columns)

    @property
    def dtypes(self) -> Dtypes:
        """Return the types of the columns."""
        return Dtypes({name: series.dtype for name, series in self._columns.items()})

    def __getitem__(self, names: "list[str]") -> "DataFrame":
        """Return these columns."""
        return DataFrame({name: self._columns[name].values for name in names})

    def __setitem__(self, names: "list[str]", table: "DataFrame") -> None:
        """Replace these columns."""
        self._columns |= {name: table._columns[name] for name in names}

    def apply(self, function: Callable[[Series], Series]) -> "DataFrame":
        """Return the table with a function of each column."""
        return DataFrame({name: function(series).values for name, series in self._columns.items()})

    def fillna(self, value: float) -> "DataFrame":
        """Return the table with a value in place of each missing one."""
        return DataFrame(
            {
                name: [value if each is None else each for each in series.values]
                for name, series in self._columns.items()
            }
        )


def get_dummies(table: DataFrame, *, dummy_na: bool) -> DataFrame:
    """Return the table with a column of 0 and 1 for each text, and one for missing texts."""
    columns: dict[str, Sequence[Value]] = {}
    for name, series in table._columns.items():
        if series.dtype == "float64":
            columns[name] = series.values
            continue
        for text in [
            *sorted({value for value in series.values if isinstance(value, str)}),
            *([None] if dummy_na else []),
        ]:
            columns[f"{name}_{text or 'nan'}"] = [float(value == text) for value in series.values]
    return DataFrame(columns)
