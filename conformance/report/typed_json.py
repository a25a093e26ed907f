"""Dataclasses as JSON, and JSON as dataclasses, checked key by key."""

from __future__ import annotations

import json
import math
import types
from collections.abc import Sequence
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

# Of a text that a message quotes.
LONGEST = 60


class SchemaError(ValueError):
    """Data that do not follow the schema, with the key and the reason in a line."""


@dataclass(frozen=True)
class Bounds:
    """What numbers of an annotated type may be, besides finite.

    Attributes:
        least, most: the ends, which are in.
    """

    least: float = -math.inf
    most: float = math.inf


def parse(data: bytes) -> Any:
    """The value that a JSON file holds.

    Raises:
        ValueError: it is no JSON, or JSON that readers understand differently.
    """
    if not data or data.isspace():
        raise ValueError("it is empty")
    if data.startswith(b"\xef\xbb\xbf"):
        raise ValueError("it begins with a byte order mark, which no run writes")
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_object, parse_int=_integer)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {quoted(twice)} is there twice")
    return found


def _integer(digits: str) -> int:
    try:
        return int(digits)
    except ValueError:  # Python refuses to convert more than some thousands of digits
        raise ValueError(f"a number has {len(digits):,} digits") from None


def plain(value: Any) -> Any:
    """A value as JSON has it, without what a reader would fill in."""
    if is_dataclass(value):
        told = {f.name: getattr(value, f.name) for f in fields(value) if not _is_default(value, f)}
        return {name: plain(v) for name, v in told.items()}
    if isinstance(value, dict):
        return {plain(name): plain(v) for name, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, str):
        # A lone surrogate, as of a byte that is no text, is no character of any JSON file.
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode("utf-8")
    # Four digits say all there is to an error or a time, and keep the file small.
    return rounded(value, 4) if isinstance(value, float) else value


def rounded(value: float, digits: int) -> float:
    """A number to so many digits, unless that is beyond the range of numbers."""
    near = float(f"{value:.{digits}g}")
    return near if math.isfinite(near) else value


def _is_default(value: Any, of: Field[Any]) -> bool:
    """Whether an attribute is what a reader fills in."""
    default = of.default if of.default_factory is MISSING else of.default_factory()
    return default is not MISSING and getattr(value, of.name) == default


def checked(kind: Any, data: Any, where: str = "") -> Any:
    """JSON data as an object of the schema.

    Args:
        kind: the type that they must have: a dataclass, or what its attributes may be.
        data: the data.
        where: the key at which they are.

    Raises:
        SchemaError: what is wrong, and where.
    """
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return None if data is None else checked(inner[0], data, where)
    if origin is Annotated:
        return _bounded(checked(inner[0], data, where), inner[1], where)
    if isinstance(kind, type) and is_dataclass(kind) and isinstance(data, dict):
        hints = _hints(kind)
        unknown = sorted(data.keys() - hints.keys())
        if unknown:
            raise SchemaError(f"{where or 'the file'} has an unknown key {quoted(unknown[0])}")
        needed = [f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING]
        lacking = [name for name in needed if name not in data]
        if lacking:
            raise SchemaError(f"{where or 'the file'} has no {lacking[0]!r}")
        return kind(
            **{name: checked(hints[name], v, f"{where}.{name}".strip(".")) for name, v in data.items()}
        )
    if origin is list and isinstance(data, list):
        return [checked(inner[0], v, f"{where}[{i}]") for i, v in enumerate(data)]
    if origin is dict and isinstance(data, dict):
        return {
            checked(inner[0], name, f"a key of {where}"): checked(inner[1], v, f"{where}[{quoted(name)}]")
            for name, v in data.items()
        }
    if kind is float and type(data) is int and abs(data) < 2**1000:
        return float(data)
    if type(data) is not kind:
        raise SchemaError(f"{where or 'the file'} must be {_named(kind)}, and is {_named(type(data))}")
    if isinstance(data, str) and not data.isascii() and any("\ud800" <= c <= "\udfff" for c in data):
        raise SchemaError(f"{where} has half of a surrogate pair, {quoted(data)}, which is no text")
    return data


def _bounded(value: Any, bounds: Bounds, where: str) -> Any:
    """A number, if it is finite and within its bounds.

    Raises:
        SchemaError: it is not.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise SchemaError(f"{where} must be a finite number, and is {value}")
    if value < bounds.least:
        raise SchemaError(f"{where} must be at least {bounds.least:g}, and is less")
    if value > bounds.most:
        raise SchemaError(f"{where} must be at most {bounds.most:g}, and is more")
    return value


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _named(kind: Any) -> str:
    names = {"str": "text", "int": "a whole number", "float": "a number", "bool": "true or false"}
    names |= {"list": "a list", "dict": "an object", "NoneType": "null"}
    name = (get_origin(kind) or kind).__name__
    return names.get(name, "an object")


def quoted(text: str) -> str:
    """The beginning of a text, as a message quotes it."""
    return ascii(text if len(text) <= LONGEST else f"{text[:LONGEST]}...")
