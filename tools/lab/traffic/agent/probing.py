"""The asking side: batches of probes, each from a source port that was not used lately."""

import asyncio
import errno
import socket
import time

from tools.lab.traffic.agent import words
from tools.lab.traffic.agent.ports import AGENT_LANE, FreshPorts
from tools.lab.traffic.agent.raw import Echo, Sctp
from tools.lab.traffic.agent.words import Batch, Probe, ProbeAnswer

KERNEL = {
    errno.ECONNREFUSED: words.REFUSED,
    errno.ECONNRESET: words.RESET,
    errno.EPIPE: words.RESET,
    errno.EHOSTUNREACH: words.UNREACHABLE,
    errno.ENETUNREACH: words.UNREACHABLE,
}


class Prober:
    """Makes the probes of one namespace."""

    def __init__(self, served: Sctp) -> None:
        self._sctp, self._echo = served, Echo()
        self._ports = FreshPorts(AGENT_LANE)

    async def run(self, batch: Batch) -> list[ProbeAnswer]:
        """The answers, in order of the probes."""
        tasks = [asyncio.create_task(self._probe(probe)) for probe in batch.probes]
        open_tasks = set(tasks)
        deadline = time.monotonic() + batch.timeout_ms / 1000
        while open_tasks and (remaining_s := deadline - time.monotonic()) > 0:
            patience = min(batch.quiet_ms / 1000, remaining_s)
            finished, open_tasks = await asyncio.wait(open_tasks, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            if not finished:
                break
        for task in open_tasks:
            task.cancel()
        await asyncio.gather(*open_tasks, return_exceptions=True)
        return [ProbeAnswer(words.SILENT) if task.cancelled() else task.result() for task in tasks]

    async def _probe(self, probe: Probe) -> ProbeAnswer:
        started = time.monotonic()
        try:
            line = await self._ask(probe)
        except OSError as error:
            return ProbeAnswer(KERNEL.get(error.errno or 0, str(error)), ms=_ms(started))
        if line is None:
            return ProbeAnswer(words.REFUSED, ms=_ms(started))
        try:
            return words.decode_answer(line, _ms(started)) if line else ProbeAnswer(words.ANSWERED, ms=_ms(started))
        except ValueError:
            return ProbeAnswer(f"not an agent's answer: {line[:40]!r}", ms=_ms(started))

    async def _ask(self, probe: Probe) -> bytes | None:
        """The answer's line; empty if there is none to read, None if the other side refuses. Raises OSError."""
        match probe.protocol:
            case words.SCTP:
                return await self._sctp.ask(probe.address, probe.port, probe.source_port or self._ports.take())
            case words.ICMP:
                await self._echo.ask(probe.address)
                return b""
            case words.UDP:
                return await self._over(socket.SOCK_DGRAM, probe)
            case _:
                return await self._over(socket.SOCK_STREAM, probe)

    async def _over(self, kind: int, probe: Probe) -> bytes:
        loop = asyncio.get_running_loop()
        with self._ports.bind_socket(kind, probe.address, probe.source_port) as sock:
            await loop.sock_connect(sock, (probe.address, probe.port))
            if kind == socket.SOCK_DGRAM:
                await loop.sock_sendall(sock, b"?")
            line = await loop.sock_recv(sock, 512)
            if not line:
                raise ConnectionResetError(errno.ECONNRESET, "closed without a word")
            return line


def _ms(started: float) -> float:
    return round((time.monotonic() - started) * 1000, 1)
