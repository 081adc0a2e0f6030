"""The API socket: accepts clients, turns bytes into calls of the handlers and answers into bytes.

As in VPP, an unknown message id, a message without handler and a truncated message are logged, counted and otherwise
ignored; the client stays. A refusal is a reply with a negative retval. Bugs become retval -1 and a log line: tests of
other processes depend on when this process ends.
"""

import socket
import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bus.log import ProcessLog
from tools.vppsim.api.catalogue import Catalogue
from tools.vppsim.api.client import ApiConnection, Disconnected
from tools.vppsim.handlers.registry import CALLS, DUMPS, load
from tools.vppsim.loop import EventLoop
from tools.vppsim.retvals import INDEX_INVALID, VnetError, VppRefused
from tools.vppsim.vpp import Vpp

FIELDS_OF_REFUSAL = {"sw_if_index": INDEX_INVALID, "stats_index": INDEX_INVALID, "vrf_id": INDEX_INVALID}
"""Indices in the reply of a refused call."""


class ApiSocket:
    """Serves `vpp` on a unix socket at `path`, on `loop`."""

    def __init__(self, loop: EventLoop, path: Path, vpp: Vpp, log: ProcessLog) -> None:
        load()
        self.catalogue = Catalogue()
        self.counters: Counter[str] = Counter()
        self.clients: dict[int, ApiConnection] = {}
        self._loop, self._path, self._vpp, self._log = loop, path, vpp, log
        self._listener = _listen(path)
        self._next_index = 1
        CALLS["sockclnt_create"] = self._sockclnt_create
        CALLS["get_api_json"] = self._get_api_json
        loop.watch(self._listener.fileno(), self._accept)

    def close(self) -> None:
        """Stop serving and remove the socket."""
        for client in list(self.clients.values()):
            self._drop(client, "shutting down")
        self._loop.unwatch(self._listener.fileno())
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def send_event(self, index: int, name: str, fields: dict[str, Any]) -> None:
        """Send an event to client `index`, if it is still connected."""
        client = self.clients.get(index)
        if client is not None:
            self._send(client, name, {**fields, "client_index": client.index})
            self._flush(client)

    def _sockclnt_create(self, vpp: Vpp, message: Any, client: ApiConnection) -> dict[str, Any]:
        client.name = message.name
        table = [{"index": n, "name": f"{name}_{self.catalogue.crc(name)}"} for name, n in self.catalogue.ids.items()]
        return {"index": client.index, "count": len(table), "message_table": table}

    def _get_api_json(self, vpp: Vpp, message: Any, client: ApiConnection) -> dict[str, Any]:
        return {"json": self.catalogue.json}

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:  # the client has hung up already
            return
        client = ApiConnection(connection, self._next_index)
        self._next_index += 1
        self.clients[client.index] = client
        self._loop.watch(client.fileno(), lambda: self._ready(client), lambda: self._flush(client))

    def _ready(self, client: ApiConnection) -> None:
        try:
            for message in client.receive():
                self._hear(client, message)
        except Disconnected as reason:
            self._drop(client, str(reason))
            return
        self._flush(client)
        if client.leaving:
            self._drop(client, "sockclnt_delete")

    def _flush(self, client: ApiConnection) -> None:
        try:
            self._loop.want_write(client.fileno(), client.flush())
        except Disconnected as reason:
            self._drop(client, str(reason))

    def _drop(self, client: ApiConnection, reason: str) -> None:
        if self.clients.pop(client.index, None) is not None:
            self._loop.unwatch(client.fileno())
            client.connection.close()
            self._vpp.forget_client(client.index)
            self._log.info("client_gone", client=client.index, name=client.name, reason=reason)

    def _hear(self, client: ApiConnection, data: bytes) -> None:
        name = self.catalogue.names.get(struct.unpack_from(">H", data)[0] if len(data) >= 2 else -1, "")
        if name not in CALLS and name not in DUMPS:
            self._ignore("no handler for message", data)
            return
        try:
            message = self.catalogue.decode(name, data)
        except (ValueError, struct.error, IndexError) as error:
            self._ignore(f"truncated {name}: {error}", data)
            return
        self._answer(client, name, message)

    def _ignore(self, reason: str, data: bytes) -> None:
        self.counters["ignored"] += 1
        self._log.warning("ignored", reason=reason, bytes=len(data), start=data[:8].hex())

    def _answer(self, client: ApiConnection, name: str, message: Any) -> None:
        self.counters[name] += 1
        if name in DUMPS:
            self._answer_dump(client, name, message)
            return
        reply = self.catalogue.services[name]["reply"]
        fields = {"retval": 0, "context": message.context, **self._call(client, name, message)}
        names = self.catalogue.fields(reply)
        self._send(client, reply, {key: value for key, value in fields.items() if key in names})

    def _call(self, client: ApiConnection, name: str, message: Any) -> dict[str, Any]:
        try:
            return CALLS[name](self._vpp, message, client) or {}
        except VppRefused as refusal:
            self._log.info("refused", message=name, reason=str(refusal), retval=refusal.error)
            return {**FIELDS_OF_REFUSAL, **refusal.fields, "retval": refusal.error}
        except Exception as bug:
            self._log.error("bug", message=name, error=repr(bug))
            return {**FIELDS_OF_REFUSAL, "retval": VnetError.UNSPECIFIED}

    def _answer_dump(self, client: ApiConnection, name: str, message: Any) -> None:
        service = self.catalogue.services[name]
        details = service.get("stream_msg", service["reply"])
        for fields in self._listed(client, name, message):
            self._send(client, details, {"context": message.context, **fields})
        if "stream_msg" in service:
            self._send(client, service["reply"], {"context": message.context, "retval": 0, "cursor": INDEX_INVALID})

    def _listed(self, client: ApiConnection, name: str, message: Any) -> Iterator[dict[str, Any]]:
        try:
            yield from DUMPS[name](self._vpp, message, client)
        except VppRefused as refusal:
            self._log.info("refused", message=name, reason=str(refusal))

    def _send(self, client: ApiConnection, name: str, fields: dict[str, Any]) -> None:
        client.send(self.catalogue.encode(name, fields))


def _listen(path: Path) -> socket.socket:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen(16)
    listener.setblocking(False)
    return listener
