"""TCP between two namespaces, with sockets of Linux, and what both ends saw of it."""

from typing import NamedTuple

from tests.processes.vppsim.process import Namespace
from tests.waiting import until

PORT = 7000
PATIENCE_S = 20
SERVER = """
import hashlib, socket
with socket.create_server(("{address}", {port}), family=socket.{family}) as listener:
    connection, peer = listener.accept()
    digest, size = hashlib.sha256(), 0
    while chunk := connection.recv(1 << 16):
        digest.update(chunk); size += len(chunk)
    print(peer[0], size, digest.hexdigest())
"""
CLIENT = """
import hashlib, os, socket
data = os.urandom(1 << 20)
connection = socket.create_connection(("{address}", {port}), timeout=10)
digest = hashlib.sha256()
for _ in range({megabytes}):
    connection.sendall(data); digest.update(data)
connection.close()
print({megabytes} << 20, digest.hexdigest())
"""


class Transfer(NamedTuple):
    """`client`: its address as the server sees it. `sent`, `received`: size and checksum of the bytes."""

    client: str
    sent: list[str]
    received: list[str]


def transfer(server: Namespace, listening: str, client: Namespace, calling: str, megabytes: int = 1) -> Transfer:
    """Send some megabytes from a client, that calls one address, to a server, that listens on another."""
    family = "AF_INET6" if ":" in listening else "AF_INET"
    receiving = server.python(SERVER.format(family=family, address=listening, port=PORT))
    try:
        until(lambda: f":{PORT}" in server.run("ss", "-ltn"), "the server listens")
        sending = client.python(CLIENT.format(address=calling, port=PORT, megabytes=megabytes))
        try:
            client_report, _ = sending.communicate(timeout=PATIENCE_S)
            server_report, _ = receiving.communicate(timeout=PATIENCE_S)
        finally:
            sending.kill()
            sending.communicate()
    finally:
        receiving.kill()
        receiving.communicate()
    peer, *received = server_report.split()
    return Transfer(peer, client_report.split(), received)
