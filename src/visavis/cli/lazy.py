"""Commands by name: the module of one is imported when it is called, and of the others never."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, NamedTuple

import typer.core
import typer.main


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
        return group
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command(name)(found)
    return typer.main.get_command(alone)


class LazyGroup(typer.core.TyperGroup):
    """A group whose list of commands is written without importing them."""

    commands: Any  # LazyCommands

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list for `--help`."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, at.help) for name, at in self.commands.places.items()])
