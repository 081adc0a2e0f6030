"""Edge: the broker's TCP socket for taps on other machines, off unless VPPD_TAP_LISTEN names its address.

It is encrypted and authenticated by CURVE (ZeroMQ RFC 26): a client has a key on the list, and only listens.

The directory of keys: `server.key_secret` and `server.key` are the node's, `allowed/*.key` are the public keys of
clients that may connect. A client's directory: `server.key`, and its own `client.key_secret`.
"""

import stat
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import zmq
import zmq.auth
from zmq.auth.thread import ThreadAuthenticator
from zmq.utils.monitor import recv_monitor_message

_SERVER, _CLIENT, _ALLOWED = "server", "client", "allowed"
_MESSAGE_BYTES_MAX = 64 << 10  # a tap has little to say
_MESSAGES_WAITING_MAX = 10_000  # the broker stops long before: bus.fanout.WINDOW_BYTES
_HANDSHAKE_MS = 3000
CONNECTIONS_MAX = 100


class BadCurveKeys(Exception):
    """A directory of keys that cannot be used; the text names the file."""


class CurveKeys(NamedTuple):
    """A pair of keys; a client's comes with the node's public key (`server`)."""

    public: bytes
    secret: bytes
    server: bytes = b""


def make_keys(directory: Path) -> list[Path]:
    """Makes the node's keys and a client's, if they are not there. Returns the new files. Raises OSError."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    allowed = directory / _ALLOWED
    allowed.mkdir(mode=0o700, exist_ok=True)
    new_files = []
    for name in (_SERVER, _CLIENT):
        if not (directory / f"{name}.key_secret").exists():
            new_files += [Path(path) for path in zmq.auth.create_certificates(str(directory), name)]
            (directory / f"{name}.key_secret").chmod(0o600)
    public = allowed / f"{_CLIENT}.key"
    if not public.exists():
        public.write_bytes((directory / f"{_CLIENT}.key").read_bytes())
        new_files.append(public)
    return new_files


def _server_keys(directory: Path) -> CurveKeys:
    """The node's keys. Raises BadCurveKeys: also if others could read the secret, or no client is allowed."""
    keys = _pair(directory / f"{_SERVER}.key_secret")
    if not any((directory / _ALLOWED).glob("*.key")):
        raise BadCurveKeys(f"{directory / _ALLOWED}: no key in it: nobody could come in")
    return keys


def client_keys(directory: Path) -> CurveKeys:
    """A tap's keys. Raises BadCurveKeys."""
    return _pair(directory / f"{_CLIENT}.key_secret")._replace(server=_load(directory / f"{_SERVER}.key")[0])


def _pair(path: Path) -> CurveKeys:
    public, secret = _load(path)
    if secret is None:
        raise BadCurveKeys(f"{path}: has no secret key in it")
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise BadCurveKeys(f"{path}: mode {stat.S_IMODE(path.stat().st_mode):04o}, must be 0600")
    return CurveKeys(public, secret)


def _load(path: Path) -> tuple[bytes, bytes | None]:
    if not path.exists():
        raise BadCurveKeys(f"{path}: no such file; `vppd tap keys` makes keys")
    try:
        return zmq.auth.load_certificate(path)
    except (OSError, ValueError) as error:
        raise BadCurveKeys(f"{path}: {getattr(error, 'strerror', None) or 'no key in it'}") from None


class RemoteTapSocket:
    """The TCP socket for clients that have an allowed key."""

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", address: str, directory: Path) -> None:
        """Raises BadCurveKeys, zmq.ZMQError."""
        keys = _server_keys(directory)
        self._address, self._connections, self._listens = address, 0, True
        self._authenticator = ThreadAuthenticator(context)
        self._authenticator.start()
        self._authenticator.configure_curve(domain="*", location=str(directory / _ALLOWED))
        self.socket = context.socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.MAXMSGSIZE, _MESSAGE_BYTES_MAX)
        self.socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self.socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
        self.socket.setsockopt(zmq.SNDHWM, _MESSAGES_WAITING_MAX)
        self.socket.setsockopt(zmq.HANDSHAKE_IVL, _HANDSHAKE_MS)
        self.socket.curve_server = True
        self.socket.curve_publickey, self.socket.curve_secretkey = keys.public, keys.secret
        self._monitor: Any = self.socket.get_monitor_socket(zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED)
        self.socket.bind(address)

    def bound_connections(self) -> None:
        """Listens no more while too many are connected; to be called often. Who has no key is cut off in seconds."""
        while self._monitor.poll(0):
            event = recv_monitor_message(self._monitor)["event"]
            self._connections += 1 if event == zmq.EVENT_ACCEPTED else -1
        crowded = self._connections > CONNECTIONS_MAX
        if crowded == self._listens:
            with suppress(zmq.ZMQError):  # its address may be another's by now: tried again
                self.socket.unbind(self._address) if crowded else self.socket.bind(self._address)
                self._listens = not crowded
