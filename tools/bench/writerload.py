"""What the writer benchmark loads VPP with: intents, and the calls that they mean."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actors.vpp_writer.kinds import kind_of_intent
from actors.vpp_writer.kinds.call import VppCall
from actors.vpp_writer.kinds.indices import VppIndices
from actors.vpp_writer.kinds.kind import VppCallSequence
from actors.vpp_writer.kinds.npol import MEMBERS_MAX, member_rows
from schemas.cnat import TranslationBackend, TranslationIntent
from schemas.intents import Intent, LoopbackIntent, RouteIntent, RoutePath, TapIntent
from schemas.npol import IpSetIntent

NO_INDICES = VppIndices({})
TCP = 6
PATHS = 10  # of a translation
HOPS = 16  # next hops that the routes share
MEMBERS_EACH = 5000  # of an IP set
NO_LABELS = [{"is_uniform": 0, "ttl": 0, "label": 0, "exp": 0}] * 16
Calls = list[tuple[str, dict[str, Any]]]
_PATHS: dict[str, list[dict[str, Any]]] = {}


@dataclass
class Load:
    """`rows` things of a name: as intents, and as bare calls (none where these hang on replies)."""

    name: str
    kind: type[Intent]
    rows: int
    intents: list[Intent]
    calls: Calls
    undo: Calls


def route(number: int, change: int = 0) -> RouteIntent:
    """One of a million prefixes through one of a few next hops."""
    prefix = f"20.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}/32"
    return RouteIntent("default", prefix, (RoutePath(next_hop=f"192.0.2.{(number + change) % HOPS + 1}"),))


def routes(count: int) -> Load:
    """IPv4 host routes through next hops."""
    intents = [route(number) for number in range(count)]
    kind = kind_of_intent(intents[0])
    calls = [_papi(_creating(intent)) for intent in intents]
    undo = [_papi(_first(kind.delete(intent, NO_INDICES, {}))) for intent in intents]
    return Load("routes", RouteIntent, count, list(intents), calls, undo)


def translations(count: int) -> Load:
    """Translations with ten paths."""
    intents = [_translation(number) for number in range(count)]
    calls = [_papi(_creating(intent)) for intent in intents]
    return Load("translations of 10 paths", TranslationIntent, count, list(intents), calls, [])


def _translation(number: int) -> TranslationIntent:
    ends = tuple(TranslationBackend(f"10.{number >> 8 & 255}.{number & 255}.{path + 1}", 8080) for path in range(PATHS))
    return TranslationIntent(f"10.{96 + (number >> 16)}.{number >> 8 & 255}.{number & 255}", 80, TCP, ends)


def members(count: int) -> Load:
    """Members of IP sets."""
    intents = []
    for first in range(0, count, MEMBERS_EACH):
        numbers = range(first, min(count, first + MEMBERS_EACH))
        members = [f"30.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in numbers]
        intents.append(IpSetIntent(f"bench-{first}", "ip", tuple(members)))
    return Load("IP set members", IpSetIntent, count, list(intents), [], [])


def member_calls(sets: list[int], load: Load) -> Calls:
    """The members' calls, for sets of these numbers."""
    calls = []
    for number, ip_set in zip(sets, load.intents, strict=True):
        assert isinstance(ip_set, IpSetIntent)
        for first in range(0, len(ip_set.members), MEMBERS_MAX):
            rows = member_rows(ip_set.type, ip_set.members[first : first + MEMBERS_MAX])
            calls.append(
                ("npol_ipset_add_del_members", {"set_id": number, "is_add": True, "len": len(rows), "members": rows})
            )
    return calls


def taps(count: int, namespace: Path) -> Load:
    """Tun interfaces in a namespace."""
    intents = [TapIntent(f"bench/{n}", f"vbench{n}", str(namespace), f"bench-{n}", persist=False) for n in range(count)]
    calls = [_papi(_creating(intent)) for intent in intents]
    return Load("tun interfaces", TapIntent, count, list(intents), calls, [])


def loopbacks(count: int) -> Iterator[LoopbackIntent]:
    """Interfaces that cost VPP little."""
    for number in range(count):
        yield LoopbackIntent(
            f"bench/{number}", f"02:00:00:01:{number >> 8 & 255:02x}:{number & 255:02x}", f"bench-{number}"
        )


def _first(sequence: VppCallSequence) -> VppCall:
    """The first call of a sequence."""
    (call,) = next(sequence)
    return call


def _creating(intent: Intent) -> VppCall:
    """The first call that makes an object which needs no other."""
    return _first(kind_of_intent(intent).create(intent, NO_INDICES, None))


def _papi(call: VppCall) -> tuple[str, dict[str, Any]]:
    """With all that vpp_papi insists on."""
    fields = dict(call.fields)
    if "route" in fields:
        paths = [{**path, "n_labels": 0, "label_stack": NO_LABELS} for path in fields["route"]["paths"]]
        shared = _PATHS.setdefault(str(paths), paths)  # the calls' memory is not to hide the writer's
        fields["route"] = {**fields["route"], "paths": shared}
    return call.message, fields
