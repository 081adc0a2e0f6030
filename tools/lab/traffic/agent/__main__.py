"""The agent's process; see the package."""

import argparse
import asyncio
import os
import sys

import msgspec

from tools.lab.traffic.agent import __doc__ as about
from tools.lab.traffic.agent.probing import Prober
from tools.lab.traffic.agent.raw import Sctp
from tools.lab.traffic.agent.serving import serve
from tools.lab.traffic.agent.words import Batch

LINE_MAX = 1 << 22


async def run(name: str, path: str, ports: frozenset[int]) -> None:
    """Serves until the standard input ends. Raises OSError."""
    await serve(name, sorted(ports))
    prober = Prober(Sctp(name, ports))

    async def answer_batches(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            answers = await prober.run(msgspec.json.decode(line, type=Batch))
            writer.write(msgspec.json.encode(answers) + b"\n")
        writer.close()

    server = await asyncio.start_unix_server(answer_batches, path, limit=LINE_MAX)
    async with server:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        input_closed = asyncio.Event()
        asyncio.get_running_loop().add_reader(0, lambda: None if os.read(0, 4096) else input_closed.set())
        await input_closed.wait()


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.lab.traffic.agent", description=about)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("name")
    parser.add_argument("--socket", required=True, metavar="PATH")
    parser.add_argument("--ports", default="80,81", help="comma list (default: 80,81)")
    options = parser.parse_args()
    ports = frozenset(int(word) for word in options.ports.split(",") if word)
    try:
        asyncio.run(run(options.name, options.socket, ports))
    except OSError as error:
        sys.stderr.write(f"agent {options.name}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
