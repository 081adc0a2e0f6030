"""The info file says what its readers know from the reference, and is never seen half-written."""

import json
import threading
from pathlib import Path

from vppd_guard.report.info_file import InfoFileNetwork, InfoFileUplink, info_file_json, write_info_file

UPLINK = InfoFileUplink(
    name="eth0",
    main=True,
    sw_if_index=1,
    tap_sw_if_index=2,
    link_index=7,
    mtu=1500,
    next_hop4="192.0.2.1",
    addresses=("192.0.2.7/24", "2001:db8::7/64"),
)


def test_the_fields_are_the_reference_s() -> None:
    assert json.loads(info_file_json("ready", [UPLINK], {"": InfoFileNetwork(vrf=0, pod_vrf=2)})) == {
        "Status": "ready",
        "UplinkStatuses": {
            "eth0": {
                "SwIfIndex": 1,
                "TapSwIfIndex": 2,
                "LinkIndex": 7,
                "Name": "eth0",
                "IsMain": True,
                "Mtu": 1500,
                "PhysicalNetworkName": "",
                "FakeNextHopIP4": "192.0.2.1",
                "FakeNextHopIP6": "::",
                "UplinkAddresses": [
                    {"IP": "192.0.2.7", "Mask": "////AA=="},
                    {"IP": "2001:db8::7", "Mask": "//////////8AAAAAAAAAAA=="},
                ],
            }
        },
        "PhysicalNets": {"": {"VrfID": 0, "PodVrfID": 2}},
    }


def test_at_the_start_the_maps_are_empty() -> None:
    assert json.loads(info_file_json("starting")) == {"Status": "starting", "UplinkStatuses": {}, "PhysicalNets": {}}


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "run" / "vppmanagerinfofile"
    write_info_file(path, info_file_json("starting"))
    stop, contents = threading.Event(), set()

    def read() -> None:
        while not stop.is_set():
            contents.add(json.loads(path.read_bytes())["Status"])

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(50):
        write_info_file(path, info_file_json("ready", [UPLINK]))
        write_info_file(path, info_file_json("starting"))
    stop.set()
    reader.join()
    assert contents <= {"starting", "ready"}
    assert path.stat().st_mode & 0o777 == 0o644
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
