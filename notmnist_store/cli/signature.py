"""Options of a command from the signature of its method, their help from its docstring.

A parameter without a default is required. Positional ones and `*names` are arguments, all others
options: `to_grey: bool = False` is --to-grey, `with_labels: bool = True` --without-labels, a
mapping takes NAME=VALUE and a sequence a value, each time it is given. `Option` says what does not
follow. Only what was given is passed on, so the defaults are those of the signature.
"""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

from notmnist_store.errors import UsageError
from notmnist_store.option import Option

_REQUIRED = inspect.Parameter.empty
_MANY = inspect.Parameter.VAR_POSITIONAL
_PLACED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, _MANY)


class Parameter(NamedTuple):
    """What the command line takes for one parameter of a method."""

    name: str
    types: tuple[Any, ...]  # of its values, without None
    option: Option
    kind: Any
    default: Any

    @property
    def flag(self) -> str:
        """The option's name; empty for an argument, which is known by its place."""
        if self.option.flag or self.kind in _PLACED:
            return self.option.flag
        dashes = "-" if len(self.name) == 1 else "--"
        name = self.name.replace("with_", "without_", 1) if self.default is True else self.name
        return dashes + name.replace("_", "-")

    @property
    def metavar(self) -> str:
        """What stands for its value; empty where it takes none."""
        number = self._type in (int, float)
        return "" if bool in self.types else self.option.metavar or self._named(number)

    def _named(self, number: bool) -> str:
        return "N" if number else self.name.upper().replace("_", "-")

    @property
    def shown_default(self) -> str:
        """Its default as one would type it; empty where there is none to type."""
        if self.default in (_REQUIRED, None, False, True, ()):
            return ""
        return ",".join(map(str, self.default)) if self._many else f"{self.default}"

    @property
    def _many(self) -> bool:
        return isinstance(self.default, tuple)

    @property
    def _type(self) -> type:
        return next((each for each in (str, int, float) if each in self.types), str)

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Make the argument or option of it."""
        origins = {get_origin(each) for each in self.types}
        how: dict[str, Any] = {"default": argparse.SUPPRESS}
        if bool in self.types:
            how |= {"action": "store_const", "const": not self.default}
        elif Mapping in origins and str not in self.types:
            how |= {"action": _Pair, "metavar": self.metavar}
        elif Sequence in origins and str not in self.types:
            how |= {"action": "append", "metavar": self.metavar}
        else:
            how |= {"type": self._type, "metavar": self.metavar}
        required = self.default is _REQUIRED
        if self.flag:
            flags = ["-o", self.flag] if self.flag == "--output" else [self.flag]
            parser.add_argument(*flags, dest=self.name, required=required, **how)
        else:
            count = "*" if self.kind is _MANY else None if required else "?"
            parser.add_argument(self.name, nargs=count, **how)


class _Pair(argparse.Action):
    """Collects NAME=VALUE in a dictionary."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: Any, values: Any, flag: Any = None
    ) -> None:
        name, equals, value = values.partition("=")
        if not (name and equals):
            raise UsageError(f"{flag} takes NAME=VALUE, not {values!r}", f"{parser.prog} --help")
        setattr(namespace, self.dest, {**getattr(namespace, self.dest, {}), name: value})


@cache
def parameters(method: Callable[..., Any]) -> tuple[Parameter, ...]:
    """What the command line takes for a method."""
    return tuple(_parameters(method))


def _parameters(method: Callable[..., Any]) -> Iterator[Parameter]:
    for name, parameter in inspect.signature(method).parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            for each, one in get_type_hints(_unpacked(parameter)).items():
                yield Parameter(each, (one,), Option(), inspect.Parameter.KEYWORD_ONLY, None)
            continue
        union, option = parameter.annotation, Option()
        if get_origin(union) is Annotated:
            union, option = get_args(union)
        types = (union,) if get_origin(union) is Sequence else get_args(union) or (union,)
        if name not in ("self", "progress") and not option.hidden:
            yield Parameter(name, types, option, parameter.kind, parameter.default)


def _unpacked(parameter: inspect.Parameter) -> Any:
    """The TypedDict that ``**name: Unpack[...]`` stands for."""
    return get_args(parameter.annotation)[0]


def values_of(method: Callable[..., Any], given: argparse.Namespace) -> dict[str, Any]:
    """The value of each parameter: what was given, else its default."""
    return {
        each.name: getattr(given, each.name, () if each.kind is _MANY else each.default)
        for each in parameters(method)
    }


def call(
    method: Callable[..., Any], given: argparse.Namespace, store: object, progress: object
) -> Any:
    """The method's result for what was given; a function of the package takes no store."""
    taken = inspect.signature(method).parameters
    placed = [store] if "self" in taken else []
    named = {"progress": progress} if "progress" in taken else {}
    for each in parameters(method):
        if hasattr(given, each.name):
            value = getattr(given, each.name)
            if each.flag:
                named[each.name] = value
            else:
                placed += value if each.kind is _MANY else [value]
    return method(*placed, **named)


def words_of(method: Callable[..., Any], values: Mapping[str, Any]) -> list[str]:
    """The command line that gives these values, as far as they are not the defaults."""
    words: list[str] = []
    for each in parameters(method):
        value = values[each.name]
        if value != each.default:
            words += [each.flag] if each.flag else []
            words += [str(value)] if each.metavar else []
    return words


class Explanation(NamedTuple):
    """What a docstring says: in general, what is returned, and of each parameter."""

    details: str
    returns: str
    of: dict[str, str]


def summary(method: Callable[..., Any]) -> str:
    """The first paragraph of a method's docstring."""
    return _flat((method.__doc__ or "").split("\n\n")[0]).removesuffix(".")


def explanation(method: Callable[..., Any]) -> Explanation:
    """What the docstring of a method says, and that of the TypedDict it unpacks."""
    from docstring_parser import DocstringStyle, parse

    given = inspect.signature(method).parameters.values()
    sources = [method, *(_unpacked(one) for one in given if one.kind is one.VAR_KEYWORD)]
    parsed = [parse(source.__doc__ or "", DocstringStyle.GOOGLE) for source in sources]
    texts = {one.arg_name: _flat(one.description) for doc in parsed for one in doc.params}
    for each in parameters(method):
        text = texts[each.name].removesuffix(".")
        default = each.shown_default
        texts[each.name] = f"{text} (default: {default})" if default else text
    made = parsed[0].returns
    returns = ": ".join(filter(None, (made.type_name, made.description))) if made else ""
    return Explanation(_flat(parsed[0].long_description), _flat(returns), texts)


def _flat(text: str | None) -> str:
    return " ".join((text or "").split()).replace("`", "")
