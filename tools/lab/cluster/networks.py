"""Edge: a lab's network namespaces and links: a bridge, which is the LAN and the host outside, and each node on it."""

from tools.lab import linux
from tools.lab.state import Lab
from tools.lab.topology import LAN4, LAN6, OUTSIDE6, LabNode, lan_netns


def create(lab: Lab) -> None:
    """Makes all namespaces and links of a lab. Raises linux.CommandFailed."""
    lan = lan_netns(lab.name)
    linux.ip(f"netns add {lan}")
    linux.ip("link set lo up", lan)
    linux.ip("link add br0 type bridge", lan)
    linux.ip(f"addr add {LAN4[1]}/{LAN4.prefixlen} dev br0", lan)
    linux.ip(f"addr add {OUTSIDE6}/{LAN6.prefixlen} dev br0 nodad", lan)
    linux.ip("link set br0 up", lan)
    for node in lab.all_nodes:
        _node_network(lan, node)


def _node_network(lan: str, node: LabNode) -> None:
    # VPP's namespace too: made inside the node it would be seen there alone, for a node has mounts of its own.
    for netns in (node.netns, node.vpp_netns):
        linux.ip(f"netns add {netns}")
        linux.ip("link set lo up", netns)
    linux.ip(f"link add eth0 address {node.mac} type veth peer name {node.name} netns {lan}", node.netns)
    linux.ip(f"link set {node.name} master br0 up", lan)
    linux.ip(f"addr add {node.ip4}/{LAN4.prefixlen} dev eth0", node.netns)
    linux.ip(f"addr add {node.ip6}/{LAN6.prefixlen} dev eth0 nodad", node.netns)
    linux.ip("link set eth0 up", node.netns)
    linux.ip(f"route add default via {LAN4[1]} dev eth0", node.netns)
    linux.ip(f"-6 route add default via {OUTSIDE6} dev eth0", node.netns)
