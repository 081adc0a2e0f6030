"""What is placed on a host, told from a recorded tree of its files; nothing is touched where nothing runs."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.guard.host_tree import INDEX, LEASED6, LINK, Tree
from vppd_guard.host_services import networkd
from vppd_guard.host_services.files import undo_host_file
from vppd_guard.host_services.host import HostReader
from vppd_guard.host_services.plan import link_management_notes
from vppd_guard.host_services.reload import reload_command
from vppd_guard.undo.records import FileWrittenRecord


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def settings(text: str) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("["):
            section = line
        elif line and not line.startswith("#"):
            sections.setdefault(section, []).append(line)
    return sections


def test_nothing_is_done_where_nothing_runs(tree: Tree) -> None:
    tree.write("/run/systemd/netif/state", "left by a networkd that has been stopped\n")
    tree.write("/etc/NetworkManager/NetworkManager.conf", "[main]\n")
    assert tree.plan() == []
    assert link_management_notes([LINK], tree.host) == []


def test_a_service_in_another_network_namespace_is_left_alone(tree: Tree) -> None:
    """A lab in a namespace on a machine that runs NetworkManager."""
    tree.process(12, "/usr/sbin/NetworkManager", netns="/dev/null")
    tree.write(f"/run/NetworkManager/devices/{INDEX}", "[device]\nmanaged=true\n")
    assert tree.plan() == []


def test_nothing_is_done_if_it_is_switched_off(tree: Tree) -> None:
    tree.networkd()
    assert tree.plan(enabled=False) == []


def test_a_lease_is_renewed_on_the_tap_by_the_same_client(tree: Tree) -> None:
    tree.networkd(lease="ADDRESS=192.0.2.7\nCLIENTID=ff0000abcd00020000ab11b0ddbdebf95e192c\n")
    tap_settings = settings(tree.placed()[0]["/run/systemd/network/0-vppd-eth0.network"])
    assert tap_settings == {
        "[Match]": ["Name=eth0", "Driver=tun"],
        "[Network]": [
            "DNS=192.0.2.53",
            "Domains=example.org example.net",
            "DHCP=ipv4",
            "KeepConfiguration=yes",
            "LinkLocalAddressing=ipv6",
            "IPv6AcceptRA=no",
        ],
        "[DHCPv4]": ["RouteMetric=100", "UseMTU=no", f"IAID={0xABCD}"],
    }


def test_a_dhcpv6_lease_needs_no_router_advertisement(tree: Tree) -> None:
    tree.networkd()
    text = tree.placed(LEASED6)[0]["/run/systemd/network/0-vppd-eth0.network"]
    assert "DHCP=ipv6" in settings(text)["[Network]"]
    assert settings(text)["[DHCPv6]"] == ["WithoutRA=solicit"]


def test_a_static_uplink_keeps_its_resolvers_and_nothing_else(tree: Tree) -> None:
    tree.networkd()
    tap_settings = settings(tree.placed()[0]["/run/systemd/network/0-vppd-eth0.network"])
    assert {"DNS=192.0.2.53", "DHCP=no", "KeepConfiguration=yes"} <= set(tap_settings["[Network]"])
    assert not {"Address=198.51.100.7/24", "VLAN=vlan7"} & set(tap_settings["[Network]"])
    assert not {"[Link]", "[Route]"} & set(tap_settings)


def test_a_link_that_networkd_does_not_manage_stays_unmanaged_as_a_tap(tree: Tree) -> None:
    tree.networkd(admin="unmanaged")
    tap_settings = settings(tree.placed()[0]["/run/systemd/network/0-vppd-eth0.network"])
    assert tap_settings == {"[Match]": ["Name=eth0", "Driver=tun"], "[Link]": ["Unmanaged=yes"]}


def test_drop_ins_count(tree: Tree) -> None:
    tree.networkd()
    drop_in = "/etc/systemd/network/10-netplan-eth0.network.d/dns.conf"
    tree.write(drop_in, "[Network]\nDNS=192.0.2.54\n")
    state = tree.root / f"run/systemd/netif/links/{INDEX}"
    state.write_text(state.read_text() + f'NETWORK_FILE_DROPINS="{drop_in}"\n')
    assert "DNS=192.0.2.54" in tree.placed()[0]["/run/systemd/network/0-vppd-eth0.network"]


@pytest.mark.parametrize(
    ("client_id", "iaid"),
    [("ff0000abcd0002aa", 0xABCD), ("01029000000007", None), ("", None), ("ffzzzzzzzz00", None), ("ff0011", None)],
)
def test_the_iaid_is_the_client_identifier_s(client_id: str, iaid: int | None) -> None:
    assert networkd.dhcp_iaid(client_id) == iaid


@given(st.text(alphabet="[]=#;\\\n aDNS\t"))
def test_whatever_the_administrator_wrote_the_tap_s_file_matches_only_the_tap(text: str) -> None:
    nic = networkd.NetworkdLink(path="/x", text=text, lease=True)
    lines = networkd.networkd_tap_file(LINK, nic).splitlines()
    assert lines.count("[Match]") == 1
    assert lines[lines.index("[Match]") + 1 :][:2] == ["Name=eth0", "Driver=tun"]
    assert not any(line.startswith(("Address=", "Gateway=", "MTUBytes=")) for line in lines)


def test_udev_leaves_the_tap_s_address_and_name_and_gives_it_the_nic_s_names(tree: Tree) -> None:
    tree.process(13, "/lib/systemd/systemd-udevd")
    tree.write("/run/udev/control", "")
    tree.write(f"/run/udev/data/n{INDEX}", 'I:1\nE:ID_NET_NAME_PATH=enp0s5\nE:ID_NET_NAME_MAC=x"y\nE:ID_BUS=pci\n')
    placed, records = tree.placed()
    link = settings(placed["/run/systemd/network/0-vppd-eth0.link"])
    assert link["[Match]"] == ["OriginalName=eth0", "Driver=tun"]
    assert link["[Link]"] == ["NamePolicy=keep", "MACAddressPolicy=none"]
    rule = placed["/run/udev/rules.d/99-vppd-eth0.rules"].splitlines()[-1]
    match = 'ACTION!="remove", SUBSYSTEM=="net", KERNEL=="eth0", ATTR{tun_flags}=="?*"'
    assert rule == f'{match}, ENV{{ID_NET_NAME_PATH}}="enp0s5"'
    assert {service for r in records for service in r.then} == {"systemd-udevd"}
    assert len(tree.plan(net_names=False)) == 2  # the .link file, and telling udevd


def network_manager(tree: Tree, text: str = "[device]\nmanaged=true\n") -> str:
    tree.process(12, "/usr/sbin/NetworkManager", "--no-daemon")
    tree.write(f"/run/NetworkManager/devices/{INDEX}", text)
    return tree.placed()[0]["/run/NetworkManager/conf.d/90-vppd.conf"]


def test_network_manager_leaves_the_tap_alone_and_keeps_the_resolver_s_file(tree: Tree) -> None:
    tree.write("/etc/resolv.conf", "nameserver 192.0.2.53\n")
    assert settings(network_manager(tree)) == {
        "[device-vppd-eth0]": ["match-device=interface-name:=eth0,except:type:ethernet,except:type:veth", "managed=0"],
        "[main]": ["dns=none"],
    }


def test_network_manager_goes_on_with_dns_where_it_is_not_about_the_uplink(tree: Tree) -> None:
    assert "dns" not in network_manager(tree, "[device]\nmanaged=false\n")


def test_systemd_resolved_s_file_is_not_network_manager_s(tree: Tree) -> None:
    (tree.root / "etc").mkdir()
    (tree.root / "etc/resolv.conf").symlink_to("../run/systemd/resolve/stub-resolv.conf")
    assert "dns" not in network_manager(tree)


def test_the_administrator_is_told_who_renews_no_lease(tree: Tree) -> None:
    network_manager(tree)
    tree.networkd()
    tree.process(14, "/sbin/dhclient", "-4", "-pf", "/run/dhclient.eth0.pid", "eth0")
    words = "\n".join(link_management_notes([LEASED6], tree.host))
    assert "by /run/systemd/network/10-netplan-eth0.network, made by netplan" in words
    assert "NetworkManager does not renew its DHCP lease" in words
    assert "dhclient may not renew its DHCP lease" in words
    assert "dhcpcd" not in words


def test_dhclient_s_script_has_a_hook_only_where_dhclient_serves_the_uplink(tree: Tree) -> None:
    (tree.root / "etc/dhcp/dhclient-enter-hooks.d").mkdir(parents=True)
    tree.process(14, "/sbin/dhclient", "eth1")
    assert tree.plan() == []
    tree.process(15, "/sbin/dhclient", "-4", "eth0")
    assert list(tree.placed()[0]) == ["/etc/dhcp/dhclient-enter-hooks.d/vppd-eth0"]


def test_a_file_that_somebody_has_changed_is_left_and_reported(tree: Tree) -> None:
    tree.networkd()
    _, [record] = tree.placed()
    tree.write(record.path, "mine\n")
    assert "changed by someone else" in undo_host_file(record, tree.host)
    assert tree.host.read(record.path) == "mine\n"


def test_a_file_that_cannot_be_removed_is_words(tree: Tree) -> None:
    record = FileWrittenRecord(path="/dir", wrote=b"x")
    (tree.root / "dir").mkdir()
    assert undo_host_file(record, tree.host).startswith("/dir: ")


def test_services_are_told_in_the_host_s_own_root(tmp_path: Path) -> None:
    assert reload_command("systemd-networkd", HostReader()) == ("networkctl", "reload")
    assert reload_command("systemd-udevd", HostReader(tmp_path)) == (
        "chroot",
        str(tmp_path),
        "udevadm",
        "control",
        "--reload",
    )
