"""The house as one picture for ARCHITECTURE.md, drawn from the import contracts that keep it so."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tools.book.contracts import FORBIDDEN, LAYERS, import_contracts

TOP = "layers"  # the contract between packages; others are between the rooms of one
SHOWN = ("actors", "bus", "supervision", "vppd_guard")  # what a node runs; the tools' rooms are drawn in no picture
Floors = Sequence[Sequence[str]]  # from the top; rooms of one floor do not know one another


class House(NamedTuple):
    """Packages by floors, and for each package that has a contract of its own its rooms by floors.

    `forbidden`: pairs of a package and one below it that it may not import all the same.
    """

    floors: Floors
    rooms: dict[str, Floors]
    forbidden: set[tuple[str, str]]


def house() -> House:
    """The layers contracts of the product, as setup.cfg has them."""
    contracts = import_contracts(LAYERS)
    rooms = {
        container: _floors(contract["layers"])
        for name, contract in contracts.items()
        if name != TOP
        for container in contract["containers"].split()
    }
    forbidden = {
        (source, target)
        for contract in import_contracts(FORBIDDEN).values()
        for source in contract["source_modules"].split()
        for target in contract["forbidden_modules"].split()
    }
    return House(_floors(contracts[TOP]["layers"]), rooms, forbidden)


def arrows(drawn: House) -> Iterator[tuple[str, int]]:
    """Package -> the highest floor of which it may import something; what is below that floor it may import, too."""
    for number, floor in enumerate(drawn.floors):
        for package in floor:
            below = range(number + 1, len(drawn.floors))
            allowed = [n for n in below if any(_may_import(package, target, drawn) for target in drawn.floors[n])]
            yield from ((package, n) for n in allowed[:1])


def _may_import(package: str, target: str, drawn: House) -> bool:
    tops = {target, target.partition(".")[0]}
    return not any((package, top) in drawn.forbidden for top in tops)


def picture() -> str:
    """A Mermaid flowchart: an arrow goes to what may be imported; nothing may be imported upwards."""
    drawn = house()
    lines = ["```mermaid", "flowchart TB"]
    for number, floor in enumerate(drawn.floors):
        lines += [f"  subgraph floor{number}[ ]", "    direction LR"]
        lines += [f"    {line}" for package in floor for line in _package(package, drawn.rooms)]
        lines.append("  end")
    lines += [f"  {package.replace('.', '_')} --> floor{number}" for package, number in arrows(drawn)]
    return "\n".join([*lines, "```"])


def _package(package: str, rooms: dict[str, Floors]) -> Iterator[str]:
    """One box; or, of a package with rooms, a box for each floor of it."""
    id_ = package.replace(".", "_")
    if package not in rooms or package.partition(".")[0] not in SHOWN:
        yield f'{id_}["{package}"]'
        return
    yield f'subgraph {id_}["{package}"]'
    yield "  direction TB"
    for number, floor in enumerate(rooms[package]):
        yield f'  {id_}{number}["{" · ".join(floor)}"]'
    yield "  " + " --> ".join(f"{id_}{number}" for number in range(len(rooms[package])))
    yield "end"


def _floors(text: str) -> Floors:
    """The lines of a contract's `layers`, each with its rooms; brackets say that a room may be missing."""
    return [[room.strip(" ()") for room in line.replace(":", "|").split("|")] for line in text.split("\n") if line]
