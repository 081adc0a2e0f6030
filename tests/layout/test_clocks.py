"""What waits or decides does so by the monotonic clock: the wall clock is set back and forth, and only tells people.

CLOCK_MONOTONIC is one for all processes of a machine, but not from boot to boot.
"""

import ast

from tests.layout.names import PROJECT, sources

PRODUCT = ("schemas", "bus", "actors", "vppd_guard", "supervision", "tools")
WALL_CLOCK = {
    "time": {"time", "time_ns", "localtime", "gmtime", "strftime", "CLOCK_REALTIME"},
    "datetime": {"now", "utcnow", "today"},
}
# who reads the wall clock, and for whom
READERS = {
    "actors/policy/felix/server.py": "Felix's reports of status have the date of each (Felix: protobuf, iso_timestamp)",
    "actors/vpp_writer/apply/outcomes.py": "a status tells people when its object is tried again",
    "actors/services/proxy_health.py": "the dates in an answer of /healthz",
    "bus/log.py": "the date of a line",
    "bus/publications.py": "the date of a checkpoint, for taps",
    "bus/traces.py": "the date of an event, for taps, and the name of a cause",
    "tools/lab/apiserver/requests.py": "the dates in Kubernetes objects, and kubectl's column AGE",
    "tools/tap/listener.py": "the date of a frame, in recordings",
    "tools/vppsim/handlers/session.py": "VPP tells its wall clock (show_vpe_system_time)",
    "vppd_guard/commands.py": "how long ago the guard did what its history tells",
    "vppd_guard/guard.py": "the date of a line of the history",
    "vppd_guard/linux/clock.py": "lifetimes of a capture after a boot: no other clock goes on meanwhile",
    "vppd_guard/states/context.py": "the date of a line of the history",
}


def reads_wall_clock(text: str) -> bool:
    """Does the code name anything of the wall clock?"""
    for node in ast.walk(ast.parse(text)):
        match node:
            case (
                ast.Attribute(value=ast.Name(id=module), attr=name)
                | ast.Attribute(value=ast.Attribute(attr=module), attr=name)
            ) if name in WALL_CLOCK.get(module, ()):
                return True
            case ast.ImportFrom(module="time", names=aliases) if WALL_CLOCK["time"] & {a.name for a in aliases}:
                return True
    return False


def test_only_what_tells_people_reads_the_wall_clock() -> None:
    files = sources(*(PROJECT / package for package in PRODUCT))
    readers = {str(path.relative_to(PROJECT)) for path in files if reads_wall_clock(path.read_text())}
    assert readers == READERS.keys()


def test_the_ways_to_the_wall_clock_are_known() -> None:
    assert reads_wall_clock("import time\nnow = time.time()")
    assert reads_wall_clock("from time import time_ns as now")
    assert reads_wall_clock("from datetime import datetime\nstarted = datetime.now(None)")
    assert reads_wall_clock("import datetime\nstarted = datetime.datetime.now()")
    assert not reads_wall_clock("import time\nnow = time.monotonic()")
