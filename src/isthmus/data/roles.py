"""Which column of a table of interactions is the user, the item, the value and the time."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from isthmus.exceptions import DataError, ParameterError

#: What a column may be, in the order of columns without a telling name, and the names that tell, the surest first.
ROLES: dict[str, tuple[str, ...]] = {
    "user": (
        *("user", "users", "userid", "uid", "customer", "customerid", "member", "memberid", "visitorid", "reviewer"),
        *("reviewerid", "buyer", "buyerid", "account", "accountid", "sessionid", "session", "username", "reviewername"),
    ),
    "item": (
        *("item", "items", "itemid", "iid", "movie", "movieid", "product", "productid", "book", "bookid"),
        *("article", "articleid", "song", "songid", "track", "trackid", "artist", "artistid", "wine", "wineid", "isbn"),
        *("asin", "sku", "anime", "animeid", "game", "gameid", "recipe", "recipeid", "business", "businessid"),
        *("itemname", "productname", "moviename", "movietitle", "booktitle", "title"),
    ),
    "value": (
        *("rating", "ratings", "stars", "overall", "score", "starrating", "bookrating", "userrating", "value"),
        *("weight", "count", "plays", "playcount", "quantity"),
    ),
    "time": (
        "time",
        "timestamp",
        "date",
        "datetime",
        "when",
        "day",
        "unixtime",
        "unixreviewtime",
        "ratedat",
        "createdat",
    ),
}
#: Names of columns by role, in the order of ROLES or by role: `columns=`.
Columns = Sequence[str] | Mapping[str, str] | None


def choose_columns(names: list[Any], columns: Columns, origin: str) -> dict[str, Any]:
    """Find the column of each role that there is.

    Parameters
    ----------
    names : list of str
        Of all columns.
    columns : Columns
        What a person said of them.
    origin : str

    Returns
    -------
    dict of role to name
        In the order of `ROLES`; with "user" and "item".

    Raises
    ------
    DataError
        If the columns named are not there, or names do not tell.
    ParameterError
        If `columns` is of another form.
    """
    if columns is not None:
        return _chosen(names, columns, origin)
    if len(names) < 2:
        raise DataError(
            f"{origin} has {len(names)} column{'s' * (len(names) != 1)}; interactions need two, a user and an item."
        )
    plain = {name: "".join(letter for letter in str(name).lower() if letter.isalnum()) for name in names}
    telling = {role: [name for word in words for name in names if plain[name] == word] for role, words in ROLES.items()}
    found: dict[str, Any] = {role: told[0] for role, told in telling.items() if told}
    if "user" in found and "item" in found:
        _warn_of_other_values(telling["value"], origin)
        return {role: found[role] for role in ROLES if role in found}
    if len(names) > len(ROLES):
        raise DataError(
            f"{origin} has the columns {', '.join(map(str, names[:12]))}, whose names do not tell which is the user "
            "and which the item. Say it by columns=(USER, ITEM), or (USER, ITEM, VALUE, TIME)."
        )
    rest = iter([name for name in names if name not in found.values()])
    for role in ROLES:
        if role not in found and (name := next(rest, None)) is not None:
            found[role] = name
    found = {role: found[role] for role in ROLES if role in found}
    if any(isinstance(name, str) and not name.isdecimal() for name in names):
        taken = ", ".join(f"{name!r} as the {role}" for role, name in found.items())
        warnings.warn(
            f"The names of the columns of {origin} do not tell user and item: they are taken by their place, {taken}. "
            "If that is wrong, say it by columns=(USER, ITEM), or (USER, ITEM, VALUE, TIME).",
            stacklevel=4,
        )
    _warn_of_other_values(telling["value"], origin)
    return found


def _warn_of_other_values(told: list[Any], origin: str) -> None:
    """Say which column is the value where several could be."""
    if len(told) > 1:
        warnings.warn(
            f"{' and '.join(repr(name) for name in told)} of {origin} could each be the value: {told[0]!r} is taken. "
            "Say by columns= if it is another.",
            stacklevel=5,
        )


def _chosen(names: list[Any], columns: Any, origin: str) -> dict[str, Any]:
    """Columns as a person names them."""
    said = f"columns={columns!r:.200} cannot be used; expected names of two to four columns (user, item, value, time)"
    if isinstance(columns, Mapping):
        given = dict(columns)
        if not {"user", "item"} <= set(given) <= set(ROLES):
            raise ParameterError(f"{said}, or a mapping with the keys user, item, and perhaps value and time.")
    elif isinstance(columns, (str, bytes)) or not isinstance(columns, Sequence) or not 2 <= len(columns) <= len(ROLES):
        raise ParameterError(f"{said}.")
    else:
        given = dict(zip(ROLES, columns, strict=False))
    by_text = {str(name): name for name in names}
    for name in given.values():
        if str(name) not in by_text:
            raise DataError(f"columns= names {name!r}, but {origin} has only {', '.join(list(by_text)[:12])}.")
    if len(set(map(str, given.values()))) < len(given):
        raise ParameterError(f"{said}, each once.")
    return {role: by_text[str(given[role])] for role in ROLES if role in given}
