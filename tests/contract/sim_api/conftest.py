"""The API of a running VPP: always the stand-in's, and a real VPP's too when $VPPD_VPP names its binary.

A difference between the two is a bug in the stand-in. $VPPD_VPP_PLUGINS: the directory of the real one's plugins.
"""

import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes.vppsim.process import VPPApiClient
from tests.waiting import until

REAL = os.environ.get("VPPD_VPP", "")
PROJECT = Path(__file__).parents[3]
API_DIR = Path(os.environ.get("VPPD_API_DIR", PROJECT.parent / "shared/vpp-api"))
CONFIG = """
unix {{ nodaemon nobanner runtime-dir {run} cli-listen {run}/cli.sock poll-sleep-usec 50 }}
socksvr {{ socket-name {run}/api.sock }}
buffers {{ buffers-per-numa 8192 page-size 4K }}
memory {{ main-heap-page-size 4K main-heap-size 512M }}
statseg {{ size 32M page-size 4K socket-name {run}/stats.sock }}
plugins {{ {plugins} plugin default {{ enable }} }}
"""


def start(binary: str, run: Path) -> subprocess.Popen[bytes]:
    """Start the stand-in or the real VPP with the same configuration."""
    plugins = f"path {os.environ['VPPD_VPP_PLUGINS']}" if "VPPD_VPP_PLUGINS" in os.environ and binary == "vpp" else ""
    config = run / "startup.conf"
    config.write_text(CONFIG.format(run=run, plugins=plugins))
    command = [REAL] if binary == "vpp" else [sys.executable, "-m", "tools.vppsim"]
    with (run / "log").open("wb") as log:
        return subprocess.Popen([*command, "-c", str(config)], cwd=PROJECT, stdout=log, stderr=log)


def connect(run: Path) -> Any:
    """A client with VPP's own API files, or None while nobody answers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        files = [str(file) for file in API_DIR.glob("*/*.api.json")]
        client = VPPApiClient(apifiles=files, server_address=f"{run}/api.sock")
    try:
        client.connect("contract")
    except OSError:
        client.transport.socket.close()
        return None
    return client


@pytest.fixture(params=["vppsim", *(["vpp"] if REAL else [])])
def api(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """A fresh VPP's API."""
    process = start(request.param, tmp_path)
    client = None
    try:
        until(lambda: (tmp_path / "api.sock").exists(), "the API socket is there", 20)
        client = until(lambda: connect(tmp_path), "the API answers", 20)
        yield client.api
    finally:
        if client is not None:
            client.disconnect()
        process.terminate()
        process.wait(timeout=10)
