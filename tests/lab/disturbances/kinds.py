"""What can happen to a node: each kind begins something, and ends it with its context. All by a seeded chance."""

import os
import random
import resource
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

import zmq

from bus.sockets import broker_address
from tools.lab import linux
from tools.lab.state import Lab
from tools.lab.story import deaths

PROCESSES = ("bus", "vpp-writer", "cni", "routing", "kube-watch", "services", "policy", "guard")
KILLED = (*PROCESSES, "gobgpd", deaths.FELIX, deaths.DRIVER)
STRANGERS = 40
GARBAGE_BYTES = 10_000
CLOCK_STEPS_S = (-86_400, -3_600, -30, 30, 3_600, 86_400)


class DisturbedNode:
    """The node, and the file by which its processes are told another time."""

    def __init__(self, lab: Lab, clock: Path, chance: random.Random) -> None:
        self.lab, self.node, self.clock, self.chance = lab, lab.all_nodes[0], clock, chance
        self.run = lab.run(self.node)

    def pid(self, names: tuple[str, ...]) -> tuple[str, int]:
        """One of these programs, and its process; 0: it does not run just now."""
        name = self.chance.choice(names)
        return name, deaths.pid_of(self.lab, self.node, name)


@contextmanager
def killed(world: DisturbedNode) -> Iterator[str]:
    name, pid = world.pid(KILLED)
    if pid:
        linux.send_signal(pid, signal.SIGKILL)
    yield f"{name} killed"


@contextmanager
def several_killed(world: DisturbedNode) -> Iterator[str]:
    pids = dict(world.pid(KILLED) for _ in range(3))
    for pid in filter(None, pids.values()):
        linux.send_signal(pid, signal.SIGKILL)
    yield f"{', '.join(pids)} killed"


@contextmanager
def stopped(world: DisturbedNode) -> Iterator[str]:
    name, pid = world.pid(PROCESSES)
    if pid:
        linux.send_signal(pid, signal.SIGSTOP)
    try:
        yield f"{name} stopped"
    finally:
        if pid:
            linux.send_signal(pid, signal.SIGCONT)


@contextmanager
def vpp_killed(world: DisturbedNode) -> Iterator[str]:
    if pid := deaths.vpp_pid(world.lab, world.node):
        linux.send_signal(pid, signal.SIGKILL)
    yield "VPP killed"


@contextmanager
def _limited(pid: int, limit: int, value: int) -> Iterator[None]:
    """A process with another soft limit."""
    before = None
    with suppress(ProcessLookupError):
        before = resource.prlimit(pid, limit) if pid else None
        if before is not None:
            resource.prlimit(pid, limit, (value, before[1]))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            if before is not None:
                resource.prlimit(pid, limit, before)


@contextmanager
def disk_full(world: DisturbedNode) -> Iterator[str]:
    """No file of a process may grow."""
    name, pid = world.pid(PROCESSES)
    with _limited(pid, resource.RLIMIT_FSIZE, 0):
        yield f"{name} cannot write files"


@contextmanager
def descriptors_used_up(world: DisturbedNode) -> Iterator[str]:
    name, pid = world.pid(PROCESSES)
    used = len(os.listdir(f"/proc/{pid}/fd")) if pid else 0
    with _limited(pid, resource.RLIMIT_NOFILE, used + world.chance.randint(0, 3)):
        yield f"{name} has no descriptors left"


@contextmanager
def clock_set(world: DisturbedNode) -> Iterator[str]:
    """Stays so: nothing may depend on its coming back."""
    step = world.chance.choice(CLOCK_STEPS_S)
    world.clock.write_text(f"{step:+d}\n")
    yield f"the clock is {step} s off"


@contextmanager
def strangers(world: DisturbedNode) -> Iterator[str]:
    """Clients that send what is no message, and clients that say nothing."""
    context = zmq.Context()
    context.setsockopt(zmq.LINGER, 0)
    clients = [context.socket(zmq.DEALER) for _ in range(STRANGERS)]
    try:
        for client in clients:
            client.connect(broker_address(world.run / "bus"))
            for _ in range(world.chance.randint(0, 5)):
                with suppress(zmq.Again):
                    client.send(world.chance.randbytes(world.chance.randint(0, GARBAGE_BYTES)), zmq.NOBLOCK)
        yield f"{STRANGERS} strangers on the bus"
    finally:
        for client in clients:
            client.close()
        context.term()


@contextmanager
def callers_hang(world: DisturbedNode) -> Iterator[str]:
    """Whoever connects to the sockets for others and says nothing, or nonsense."""
    with ExitStack() as stack:
        for path in (world.run / "cni.sock", world.run / "gobgp.sock"):
            for _ in range(10):
                caller = stack.enter_context(socket.socket(socket.AF_UNIX))
                with suppress(OSError):
                    caller.connect(str(path))
                    caller.send(world.chance.randbytes(100))
        yield "callers that hang"


@contextmanager
def socket_file_gone(world: DisturbedNode) -> Iterator[str]:
    """Somebody tidies up."""
    path = world.chance.choice((world.run / "bus" / "broker", world.run / "cni.sock", world.run / "gobgp.sock"))
    path.unlink(missing_ok=True)
    yield f"{path.name} deleted"


@contextmanager
def bus_directory_gone(world: DisturbedNode) -> Iterator[str]:
    shutil.rmtree(world.run / "bus", ignore_errors=True)
    yield "the bus' directory deleted"


KINDS: tuple[Callable[[DisturbedNode], AbstractContextManager[str]], ...] = (
    killed,
    several_killed,
    vpp_killed,
    stopped,
    disk_full,
    descriptors_used_up,
    clock_set,
    strangers,
    callers_hang,
    socket_file_gone,
    bus_directory_gone,
)
