"""Command line: `python -m tools.lab.apiserver --state FILE --listen 127.0.0.1:6443`.

Runs until SIGTERM or SIGINT. The ready file appears when every socket answers and holds one URL a line, in
the order --listen, --listen-netns. Exit status 2: wrong arguments or an address that cannot be had.
"""

import argparse
import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

from aiohttp import web

from tools.lab.apiserver.server import ApiServer
from tools.lab.apiserver.sockets import ListenAddress, open_socket, parse_listen, parse_listen_netns, url
from tools.lab.apiserver.store_file import StoreFile

HISTORY_MAX = 10_000
BODY_BYTES_MAX = 16 * 2**20
SHUTDOWN_S_MAX = 0.5


def arguments(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="tools.lab.apiserver", description="A small Kubernetes API server")
    parser.add_argument("--state", type=Path, required=True, help="file that keeps the objects")
    parser.add_argument("--listen", action="append", default=[], metavar="ADDR:PORT", help="loopback only")
    parser.add_argument("--listen-netns", action="append", default=[], metavar="NETNS:ADDR:PORT")
    parser.add_argument("--ready-file", type=Path, help="written when the server answers")
    parser.add_argument("--history", type=int, default=HISTORY_MAX, help="changes a watch can resume over")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Serve until a signal."""
    args = arguments(argv)
    try:
        listens = [parse_listen(text) for text in args.listen]
        listens += [parse_listen_netns(text) for text in args.listen_netns]
        if not listens:
            raise ValueError("nothing to listen on: give --listen or --listen-netns")
        return run(args, listens)
    except (ValueError, OSError) as error:
        print(f"tools.lab.apiserver: {error}", file=sys.stderr)
        return 2


def run(args: argparse.Namespace, listens: list[ListenAddress]) -> int:
    """Open what is needed on the main thread, then serve."""
    if args.ready_file:
        args.ready_file.unlink(missing_ok=True)
    sockets = [open_socket(listen) for listen in listens]
    file = StoreFile(args.state)
    try:
        asyncio.run(serve(ApiServer(file, args.history), sockets, args.ready_file))
    finally:
        file.close()
    return 0


async def serve(server: ApiServer, sockets: list[socket.socket], ready_file: Path | None) -> None:
    """Serve on all sockets until SIGTERM or SIGINT; open watches do not delay the end."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    app = web.Application(client_max_size=BODY_BYTES_MAX)
    app.router.add_route("*", "/{path:.*}", server.handle)
    # Cancelling handlers of closed connections keeps abandoned watches from adding up.
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=SHUTDOWN_S_MAX)
    await runner.setup()
    for opened in sockets:
        await web.SockSite(runner, opened).start()
    if ready_file:
        announce(ready_file, sockets)
    await stop.wait()
    server.watches.end()
    await runner.cleanup()


def announce(ready_file: Path, sockets: list[socket.socket]) -> None:
    """Write the ready file whole: a reader never sees half of it."""
    fresh = ready_file.with_name(ready_file.name + ".new")
    fresh.write_text("".join(f"{url(opened)}\n" for opened in sockets))
    os.rename(fresh, ready_file)


if __name__ == "__main__":
    sys.exit(main())
