"""A pod that serves: a web server that answers every GET with its name, over IPv4 and IPv6.

python -m tools.lab.traffic.web_server NAME PORT
"""

import socket
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tools.lab import linux

READY = "ready\n"


class WebServerFailed(Exception):
    """The server does not serve; the text says why."""


class DualStackServer(ThreadingHTTPServer):
    """Listens on all addresses of both families."""

    address_family = socket.AF_INET6
    daemon_threads = True

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


def start_web_server(netns: str, name: str, port: int) -> None:
    """Starts a server in a namespace; it ends with the processes of that namespace. Raises WebServerFailed."""
    command = linux.netns_command(netns, sys.executable, "-m", __name__, name, str(port))
    server = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert server.stdout is not None
    with server.stdout as output:
        if output.readline() != READY:
            raise WebServerFailed(f"{name}, port {port}: {server.communicate()[1].strip().splitlines()[-1]}")


def serve(name: str, port: int) -> None:
    """Serves until the process ends. Raises OSError."""

    class NameHandler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"{name} answers {self.client_address[0].removeprefix('::ffff:')}\n".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_parts: object) -> None:
            """Nobody reads it."""

    with DualStackServer(("::", port), NameHandler) as server:
        sys.stdout.write(READY)
        sys.stdout.close()
        sys.stderr.close()
        server.serve_forever()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
