"""Edge: the state of a lab in a file, which outlives the command that made the lab."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from tools.lab.topology import DEFAULT_NAMESPACE, LabNode, pod_key

LABS = Path(os.environ.get("VPPD_LAB_DIR", "/run/vppd-lab"))


class NoLab(Exception):
    """There is no such lab, node or pod; the text names it."""


class ContainerPort(Struct, frozen=True):
    """A port of a pod's container; `host_port` 0: none."""

    port: int
    protocol: str = "TCP"
    name: str = ""
    host_port: int = 0


class LabPod(Struct):
    """A pod of the lab. One in the host's network has its node's namespace and addresses, and number 0."""

    name: str
    node: int
    number: int  # on its node, from 1
    netns: str
    ip4: str
    ip6: str
    namespace: str = DEFAULT_NAMESPACE
    host_network: bool = False
    service_account: str = "default"
    labels: dict[str, str] = {}  # as it was made
    annotations: dict[str, str] = {}  # likewise
    ports: tuple[ContainerPort, ...] = ()

    @property
    def key(self) -> str:
        """Its name in commands."""
        return pod_key(self.namespace, self.name)


class MakerProcess(Struct, frozen=True):
    """The process that made a lab; `story`: its command, if it takes the lab away itself."""

    pid: int
    start_ticks: int
    story: str = ""


class Lab(Struct):
    """A lab."""

    name: str
    nodes: int
    vpp: str  # path of the vpp binary
    real_vpp: bool
    api_url: str = ""
    calico_version: str = ""
    settings: dict[str, str] = {}  # variables of every node's processes, beside the lab's own
    pods: dict[str, LabPod] = {}  # by key
    maker: MakerProcess | None = None

    @property
    def directory(self) -> Path:
        return LABS / self.name

    @property
    def all_nodes(self) -> list[LabNode]:
        return [LabNode(self.name, number) for number in range(1, self.nodes + 1)]

    def node(self, name: str) -> LabNode:
        """The node of that name. Raises NoLab."""
        for node in self.all_nodes:
            if node.name == name:
                return node
        raise NoLab(f"lab {self.name}: no node {name}; there are {', '.join(n.name for n in self.all_nodes)}")

    def pod(self, key: str) -> LabPod:
        """The pod of that key. Raises NoLab."""
        if key not in self.pods:
            raise NoLab(f"lab {self.name}: no pod {key}")
        return self.pods[key]

    def run(self, node: LabNode) -> Path:
        """The node's $VPPD_RUN."""
        return self.directory / node.name / "run"

    def save(self) -> None:
        """Writes the file."""
        self.directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        fresh = self.directory / "lab.new"
        fresh.write_bytes(msgspec.json.format(msgspec.json.encode(self)))
        fresh.rename(self.directory / "lab.json")


@contextmanager
def transaction(lab: Lab) -> Iterator[None]:
    """Locks the lab's state, reads `lab.pods` anew, and saves all at the end, for commands that run concurrently."""
    with (lab.directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lab.pods = load(lab.name).pods
        yield
        lab.save()


def lab_names() -> list[str]:
    """The labs of this machine that have a state."""
    return sorted(path.parent.name for path in LABS.glob("*/lab.json"))


def load(name: str) -> Lab:
    """The lab of that name. Raises NoLab."""
    try:
        return msgspec.json.decode((LABS / name / "lab.json").read_bytes(), type=Lab)
    except FileNotFoundError:
        raise NoLab(f"no lab {name}; `vppd lab list` shows those that are there") from None
    except PermissionError:
        raise NoLab(f"lab {name}: only root may use it") from None
    except msgspec.DecodeError as error:
        raise NoLab(f"lab {name}: its state cannot be read ({error}); `vppd lab down` removes it") from None
