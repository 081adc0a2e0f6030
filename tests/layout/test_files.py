"""What a node's processes write to files goes by `bus/whole_files.py`, which checks each write for what it wrote."""

import ast

from tests.layout.names import PROJECT, sources

NODE = ("schemas", "bus", "actors", "vppd_guard")
KERNEL = "the kernel's own files: they take all of a value or refuse it"
# who writes by itself, and why it may
WRITERS = {
    "actors/cni/netns.py": KERNEL,
    "actors/vpp_writer/apply/journal.py": "opens its file; what is written to it goes by whole_files",
    "bus/remote_tap.py": "a person's command makes keys, and fails before a process uses them",
    "bus/tap_door.py": "one byte to a pipe",
    "bus/whole_files.py": "the one place",
    "vppd_guard/drivers/machine.py": KERNEL,
    "vppd_guard/linux/moving.py": KERNEL,
    "vppd_guard/linux/sysctl.py": KERNEL,
    "vppd_guard/linux/tap.py": KERNEL,
    "vppd_guard/report/history.py": "opens its file; what is written to it goes by whole_files",
    "vppd_guard/states/replay.py": KERNEL,
    "vppd_guard/vpp/cores.py": KERNEL,
    "vppd_guard/vpp/process.py": "VPP's own log: VPP writes it",
}


def writes_files(text: str) -> bool:
    """Does the code write to a file, or open one for writing?"""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Call(func=ast.Attribute(attr="write_text" | "write_bytes")):
                return True
            case ast.Call(func=ast.Attribute(value=ast.Name(id="os"), attr="write")):
                return True
            case ast.Call(
                func=ast.Attribute(attr="open") | ast.Name(id="open"), args=[*_, ast.Constant(value=str(mode))]
            ) if set(mode) & set("wax+") and set(mode) <= set("rwaxbt+"):
                return True
    return False


def test_only_one_place_writes_files() -> None:
    files = sources(*(PROJECT / package for package in NODE))
    assert {str(path.relative_to(PROJECT)) for path in files if writes_files(path.read_text())} == WRITERS.keys()


def test_the_ways_to_write_are_known() -> None:
    assert writes_files("path.write_text(text)")
    assert writes_files("os.write(handle, data)")
    assert writes_files("path.open('ab', buffering=0)")
    assert writes_files("open(path, 'w')")
    assert not writes_files("path.open('rb')")
    assert not writes_files("path.read_text()")
