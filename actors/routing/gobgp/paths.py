"""Prefixes and next hops <-> gobgpd's paths. Pure.

IPv4 unicast carries its next hop in NextHop, IPv6 unicast in MpReachNLRI (RFC 4760). NLRI and attributes
travel as `google.protobuf.Any`. A change of best path brings only the new path; the loss of the last one
brings it with `is_withdraw`, its attributes still there. Events carry best paths only: while a path of our
own is the best one, those of peers for its prefix are not seen.
"""

from collections.abc import Iterable
from ipaddress import ip_address, ip_network

from google.protobuf.any_pb2 import Any
from google.protobuf.message import DecodeError, Message

from schemas.proto import gobgp_pb2 as pb

_ORIGIN_IGP = 0
_LOCAL_NEIGHBOURS = ("", "<nil>")  # how gobgpd 3.10 shows a path that was injected over its API


class _MalformedPath(ValueError):
    """A path that cannot be used; the text names its prefix and the attribute."""


def bgp_path_family(ip_version: int) -> pb.Family:
    """Unicast of IPv4 (4) or IPv6 (6)."""
    afi = pb.Family.AFI_IP if ip_version == 4 else pb.Family.AFI_IP6
    return pb.Family(afi=afi, safi=pb.Family.SAFI_UNICAST)


def gobgp_path_message(prefix: str, next_hop: str) -> pb.Path:
    """The path that announces `prefix` with `next_hop`; both of the same family."""
    network = ip_network(prefix)
    nlri = _packed(pb.IPAddressPrefix(prefix=str(network.network_address), prefix_len=network.prefixlen))
    attributes: list[Message] = [pb.OriginAttribute(origin=_ORIGIN_IGP)]
    if network.version == 4:
        attributes.append(pb.NextHopAttribute(next_hop=next_hop))
    else:
        attributes.append(pb.MpReachNLRIAttribute(family=bgp_path_family(6), next_hops=[next_hop], nlris=[nlri]))
    return pb.Path(nlri=nlri, pattrs=[_packed(a) for a in attributes], family=bgp_path_family(network.version))


def gobgp_path_messages(announced: Iterable[tuple[str, str]]) -> tuple[list[pb.Path], list[str]]:
    """The paths that announce (prefix, next hop); and an error for each that is malformed."""
    good, errors = [], []
    for prefix, next_hop in announced:
        try:
            path = gobgp_path_message(prefix, next_hop)
            ip_address(next_hop)
        except ValueError as error:
            errors.append(f"path {prefix} by {next_hop}: {error}")
        else:
            good.append(path)
    return good, errors


def is_local_bgp_path(path: pb.Path) -> bool:
    """Was this path injected here, over the API?"""
    return path.neighbor_ip in _LOCAL_NEIGHBOURS


def is_unicast_bgp_path(path: pb.Path) -> bool:
    """Is it an IPv4 or IPv6 unicast path?"""
    return bool(path.nlri.TypeName() == "apipb.IPAddressPrefix")


def best_bgp_path_of_peers(path: pb.Path) -> pb.Path:
    """The best path of the peers: one of our own hides theirs, and so counts as a withdraw.

    gobgpd sends no withdraw of a path that was hidden; once ours is gone, it sends the one that is best then.
    """
    if is_local_bgp_path(path):
        path.is_withdraw = True
    return path


def bgp_path_prefix(path: pb.Path) -> str:
    """The announced prefix. Raises _MalformedPath."""
    nlri = pb.IPAddressPrefix()
    try:
        path.nlri.Unpack(nlri)
        return str(ip_network(f"{nlri.prefix}/{nlri.prefix_len}", strict=False))
    except (ValueError, DecodeError) as error:
        raise _MalformedPath(f"path from {path.neighbor_ip}: nlri: {error}") from None


def bgp_next_hop(path: pb.Path) -> str:
    """The next hop: the first global address. Raises _MalformedPath, which names prefix and attribute."""
    prefix = bgp_path_prefix(path)
    for hop in _next_hops(path, prefix):
        try:
            address = ip_address(hop)
        except ValueError:
            raise _MalformedPath(f"path {prefix} from {path.neighbor_ip}: next hop: {hop!r}") from None
        if not address.is_link_local and not address.is_unspecified:
            return str(address)
    raise _MalformedPath(f"path {prefix} from {path.neighbor_ip}: next hop: none that is global")


def raw_bgp_next_hop(path: pb.Path) -> str:
    """The next hop as it is written, usable or not, of a path that was injected here; "" if there is none."""
    return next(iter(_next_hops(path, bgp_path_prefix(path))), "")


def _next_hops(path: pb.Path, prefix: str) -> list[str]:
    hops: list[str] = []
    for attribute in path.pattrs:
        try:
            match attribute.TypeName():
                case "apipb.NextHopAttribute":
                    hops.append(pb.NextHopAttribute.FromString(attribute.value).next_hop)
                case "apipb.MpReachNLRIAttribute":
                    hops += pb.MpReachNLRIAttribute.FromString(attribute.value).next_hops
        except DecodeError as error:
            raise _MalformedPath(f"path {prefix} from {path.neighbor_ip}: attribute: {error}") from None
    return hops


def _packed(message: Message) -> Any:
    packed = Any()
    packed.Pack(message)
    return packed


def update_learnt_bgp_paths(learnt: dict[str, str], best_paths: Iterable[pb.Path]) -> list[str]:
    """Applies changes of best paths to `learnt` (prefix -> next hop). Returns an error for each unusable path."""
    errors = []
    for path in best_paths:
        try:
            prefix = bgp_path_prefix(path)
            if path.is_withdraw:
                learnt.pop(prefix, None)
            else:
                learnt[prefix] = bgp_next_hop(path)
        except _MalformedPath as error:
            errors.append(str(error))
    return errors
