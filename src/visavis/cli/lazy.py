"""Commands by name: the module of one is imported when it is called, and of the others never."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from math import isfinite
from typing import Any, NamedTuple

import typer.core
import typer.main

from visavis.errors import UsageError


class Place(NamedTuple):
    """Where a command is."""

    module: str
    name: str
    """Of its function, or of the Typer app that holds its own commands."""
    help: str
    """The first sentence of what it says of itself: the list of commands is shown from here."""


class LazyCommands(Mapping[str, Any]):
    """The commands at some places, each made at the first use."""

    def __init__(self, places: dict[str, Place]) -> None:
        self.places = places
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            place = self.places[name]
            self._made[name] = _command(name, getattr(import_module(place.module), place.name))
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)


def _command(name: str, found: Any) -> Any:
    if isinstance(found, typer.Typer):
        group = typer.main.get_group(found)
        group.name = name
        for command in group.commands.values():
            _want_numbers(command)
        return group
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command(name)(found)
    return _want_numbers(typer.main.get_command(alone))


def _want_numbers(command: Any) -> Any:
    """A command whose options refuse nan and inf, which Typer takes for numbers in any range."""
    for option in command.params:
        if option.type.name.startswith("float") and option.callback is None:
            option.callback = _finite
    return command


def _finite(context: Any, option: Any, value: Any) -> Any:
    if isinstance(value, float) and not isfinite(value):
        raise UsageError(f"{option.opts[0]} must be a number, not {value}")
    return value


class LazyGroup(typer.core.TyperGroup):
    """A group whose list of commands is written without importing them."""

    commands: Any  # LazyCommands

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list for `--help`."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, at.help) for name, at in self.commands.places.items()])
