"""Peers and policies <-> gobgpd's messages. Pure.

Export policy: an own block leaves as one prefix, addresses inside it do not;
other paths that were injected here leave; what was learnt from others does not leave again.
"""

from collections.abc import Iterable
from ipaddress import ip_network

from actors.routing.gobgp.paths import bgp_path_family
from actors.routing.gobgp.state import BgpGlobal, BgpPeerConfig, BgpPeerState, BgpTimers
from schemas.proto import gobgp_pb2 as pb

BGP_EXPORT_POLICY = "vppd-export"
_DEFERRAL_S = 10  # after our restart: routes are sent by then, although some peer is still silent
BGP_POLICY_ASSIGNMENT = "global"  # gobgpd's name for the policy of the global table
BGP_IP_VERSIONS = (4, 6)


def gobgp_start_request(bgp: BgpGlobal) -> pb.StartBgpRequest:
    """StartBgp."""
    return pb.StartBgpRequest(
        **{
            "global": pb.Global(
                asn=bgp.asn,
                router_id=bgp.router_id,
                listen_port=bgp.listen_port,
                listen_addresses=bgp.listen_addresses,
            )
        }
    )


def parse_gobgp_global(reply: pb.GetBgpResponse) -> BgpGlobal | None:
    """BGP as GetBgp shows it; None: not started."""
    message: pb.Global = getattr(reply, "global")
    if not message.asn:
        return None
    return BgpGlobal(
        asn=message.asn,
        router_id=message.router_id,
        listen_port=message.listen_port,
        listen_addresses=tuple(message.listen_addresses),
    )


def gobgp_peer_message(config: BgpPeerConfig, *, restarting: bool) -> pb.Peer:
    """A peer. `restarting`: our gobgpd has lost its state, so the peer is asked to wait for our routes."""
    return pb.Peer(
        conf=pb.PeerConf(neighbor_address=config.address, peer_asn=config.asn),
        timers=_timers(config.timers),
        transport=pb.Transport(local_address=config.local_address, remote_port=config.port),
        graceful_restart=pb.GracefulRestart(
            enabled=True,
            restart_time=config.restart_s,
            deferral_time=_DEFERRAL_S,
            notification_enabled=True,
            local_restarting=restarting,
        ),
        afi_safis=[
            pb.AfiSafi(
                config=pb.AfiSafiConfig(family=bgp_path_family(config.ip_version), enabled=True),
                mp_graceful_restart=pb.MpGracefulRestart(config=pb.MpGracefulRestartConfig(enabled=True)),
            )
        ],
    )


def _timers(timers: BgpTimers) -> pb.Timers:
    return pb.Timers(
        config=pb.TimersConfig(
            hold_time=timers.hold_s,
            keepalive_interval=timers.keepalive_s,
            connect_retry=timers.connect_retry_s,
        )
    )


def parse_gobgp_peer(message: pb.Peer) -> BgpPeerState:
    """A peer as ListPeer shows it."""
    state = pb.PeerState.SessionState.Name(message.state.session_state).lower()
    ends = [a.mp_graceful_restart.state.end_of_rib_received for a in message.afi_safis if a.config.enabled]
    timers = message.timers.config
    return BgpPeerState(
        address=message.conf.neighbor_address,
        asn=message.conf.peer_asn,
        local_address=message.transport.local_address,
        port=message.transport.remote_port,
        restart_s=message.graceful_restart.restart_time,
        timers=BgpTimers(
            hold_s=timers.hold_time,
            keepalive_s=timers.keepalive_interval,
            connect_retry_s=timers.connect_retry,
        ),
        state=state,
        end_of_rib=state == "established" and bool(ends) and all(ends),
        received=sum(a.state.received for a in message.afi_safis),
    )


def gobgp_policies_request(blocks: Iterable[str]) -> pb.SetPoliciesRequest:
    """All sets and policies, to be replaced in one step."""
    networks = [ip_network(block) for block in sorted(blocks)]
    sets, statements = [], []
    for version in BGP_IP_VERSIONS:
        networks_of_family = [n for n in networks if n.version == version]
        sets += [_set(f"aggregated-v{version}", [(str(n), n.prefixlen, n.prefixlen) for n in networks_of_family])]
        sets += [_set(f"host-v{version}", [(str(n), n.prefixlen + 1, n.max_prefixlen) for n in networks_of_family])]
        statements += [
            _statement(f"aggregated-v{version}", pb.ACCEPT),
            _statement(f"host-v{version}", pb.REJECT),
        ]
    local = pb.Statement(
        name="local",
        conditions=pb.Conditions(route_type=pb.Conditions.ROUTE_TYPE_LOCAL),
        actions=pb.Actions(route_action=pb.ACCEPT),
    )
    policy = pb.Policy(name=BGP_EXPORT_POLICY, statements=[*statements, local])
    return pb.SetPoliciesRequest(defined_sets=sets, policies=[policy])


def _set(name: str, prefixes: list[tuple[str, int, int]]) -> pb.DefinedSet:
    return pb.DefinedSet(
        defined_type=pb.PREFIX,
        name=name,
        prefixes=[pb.Prefix(ip_prefix=p, mask_length_min=low, mask_length_max=high) for p, low, high in prefixes],
    )


def _statement(name: str, action: pb.RouteAction) -> pb.Statement:
    return pb.Statement(
        name=name,
        conditions=pb.Conditions(prefix_set=pb.MatchSet(type=pb.MatchSet.ANY, name=name)),
        actions=pb.Actions(route_action=action),
    )


def gobgp_assignment_request() -> pb.SetPolicyAssignmentRequest:
    """Our policy decides what leaves; what it does not accept stays."""
    return pb.SetPolicyAssignmentRequest(
        assignment=pb.PolicyAssignment(
            name=BGP_POLICY_ASSIGNMENT,
            direction=pb.EXPORT,
            policies=[pb.Policy(name=BGP_EXPORT_POLICY)],
            default_action=pb.REJECT,
        )
    )
