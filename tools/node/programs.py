"""Edge: the programs of a node's supervisord, by its XML-RPC socket (https://supervisord.org/api.html)."""

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ProtocolError, ServerProxy

from supervisor.xmlrpc import Faults, SupervisorTransport

UP_STATES = ("STARTING", "RUNNING")


class NoSupervisord(Exception):
    """No supervisord answers; the text says where, and why."""


class ProgramRefused(Exception):
    """supervisord refuses; the text names the program and the reason."""


@dataclass(frozen=True)
class NodeProgram:
    """A program as supervisord has it."""

    name: str
    state: str  # supervisord's word: STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL, UNKNOWN
    pid: int = 0  # 0: no process
    description: str = ""  # for people: since when it runs, or why it does not

    @property
    def is_up(self) -> bool:
        """Has supervisord a process of it that is not about to end?"""
        return self.state in UP_STATES


class NodeSupervisor:
    """The supervisord of the node with this run directory. Calls block; they raise NoSupervisord, PermissionError."""

    def __init__(self, run: Path) -> None:
        self.socket = run / "supervisor.sock"

    def programs(self) -> dict[str, NodeProgram]:
        """All programs by name, sorted."""
        rows = self._call("", lambda supervisor: supervisor.getAllProcessInfo())
        programs = [NodeProgram(row["name"], row["statename"], row["pid"], row["description"]) for row in rows]
        return {program.name: program for program in programs}

    def stop(self, name: str) -> None:
        """Stops a program and waits for its end. One that does not run is stopped. Raises ProgramRefused."""
        self._call(name, lambda supervisor: supervisor.stopProcess(name), passed_over=Faults.NOT_RUNNING)

    def start(self, name: str) -> None:
        """Starts a program; does not wait. Raises ProgramRefused."""
        self._call(name, lambda supervisor: supervisor.startProcess(name, False), passed_over=Faults.ALREADY_STARTED)

    def signal(self, name: str, number: int) -> None:
        """Sends a signal to a program's process. Raises ProgramRefused."""
        self._call(name, lambda supervisor: supervisor.signalProcess(name, str(number)))

    def _call(self, name: str, call: Callable[[Any], Any], passed_over: int = 0) -> Any:
        """One call, on a connection of its own: one that has failed could not be used again."""
        transport = SupervisorTransport(None, None, f"unix://{self.socket}")
        try:
            return call(ServerProxy("http://127.0.0.1", transport=transport).supervisor)
        except Fault as fault:
            if fault.faultCode == passed_over:
                return None
            raise ProgramRefused(f"{name}: supervisord says {fault.faultString}") from None
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM):
                raise PermissionError(error.errno, os.strerror(error.errno), str(self.socket)) from None
            raise NoSupervisord(f"no supervisord runs here: {self.socket}: {error.strerror or error}") from None
        except ProtocolError as error:
            raise NoSupervisord(f"no supervisord answers at {self.socket}: {error.errmsg}") from None
        finally:
            transport.close()
