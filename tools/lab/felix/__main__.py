"""Command line: `python -m tools.lab.felix --node NAME --api URL --driver PATH`.

Exit status: 0 after a signal; 1 when the driver is gone; 129 when the configuration changed; 2 for wrong arguments.
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from bus.log import ProcessLog
from tools.lab.felix.standin import FelixStandIn, StandInOptions
from tools.lab.felix.wire import version_of

DEFAULT_VERSION = "v3.32.0"


def main(argv: list[str] | None = None) -> int:
    """Runs until a signal, or until an event at which Felix ends."""
    parser = argparse.ArgumentParser(prog="tools.lab.felix", description="Stands in for Calico's Felix")
    parser.add_argument("--node", required=True, help="name of this node")
    parser.add_argument("--api", required=True, metavar="URL", help="the lab's API server")
    parser.add_argument("--driver", required=True, type=Path, metavar="PATH", help="dataplane driver to execute")
    parser.add_argument("--calico-version", default=DEFAULT_VERSION, help="encoding to speak (default: %(default)s)")
    parser.add_argument("--status", type=Path, metavar="FILE", help="JSON file that tells how it goes")
    parser.add_argument("--config", action="append", default=[], metavar="KEY=VALUE", help="raw configuration")
    options = parser.parse_args(argv)
    log = ProcessLog("felix", os.environ.get("CALICOVPP_LOG_LEVEL") or "info")
    try:
        version_of(options.calico_version)
        config = dict(text.split("=", 1) for text in options.config)
    except ValueError as error:
        parser.error(str(error))
    if not os.access(options.driver, os.X_OK):
        log.error("no driver", path=options.driver, why="not an executable file")
        return 2
    felix_options = StandInOptions(
        options.node, options.api, options.driver, options.calico_version, options.status, config
    )
    return asyncio.run(run(felix_options, log))


async def run(options: StandInOptions, log: ProcessLog) -> int:
    """Runs the stand-in. Returns the exit status."""
    return await FelixStandIn(options, log).run()


if __name__ == "__main__":
    sys.exit(main())
