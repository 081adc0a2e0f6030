"""Clients, pings, versions, threads."""

import os
import time
from typing import Any

from tools.vppsim.api.client import ApiConnection
from tools.vppsim.cli import commands
from tools.vppsim.handlers.registry import Fields, call
from tools.vppsim.retvals import VnetError, VppRefused
from tools.vppsim.vpp import Vpp

VERSION = "26.10-rc0~vppsim"


@call("sockclnt_delete")
def sockclnt_delete(vpp: Vpp, message: Any, client: ApiConnection) -> Fields:
    client.leaving = True
    return {"response": 1}


@call("get_first_msg_id")
def get_first_msg_id(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    raise VppRefused(VnetError.INVALID_VALUE)


@call("api_versions")
def api_versions(vpp: Vpp, message: Any, client: ApiConnection) -> Fields:
    """VPP lists none, unless its plugins do."""
    return {"count": 0, "api_versions": []}


@call("control_ping")
def control_ping(vpp: Vpp, message: Any, client: ApiConnection) -> Fields:
    return {"client_index": message.client_index, "vpe_pid": vpp.pid}


@call("memclnt_keepalive")
def memclnt_keepalive(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    return None


@call("show_version")
def show_version(vpp: Vpp, message: Any, client: ApiConnection) -> Fields:
    return {"program": "vpe", "version": VERSION, "build_date": "", "build_directory": os.getcwd()[:255]}


@call("show_vpe_system_time")
def show_vpe_system_time(vpp: Vpp, message: Any, client: ApiConnection) -> Fields:
    return {"vpe_system_time": time.time()}


@call("show_threads")
def show_threads(vpp: Vpp, message: Any, client: ApiConnection) -> Fields:
    return {"count": 1, "thread_data": [{"id": 0, "name": "vpp_main", "pid": vpp.pid}]}


@call("cli_inband")
def cli_inband(vpp: Vpp, message: Any, client: ApiConnection) -> Fields:
    retval, reply = commands.run_cli_commands(vpp, message.cmd)
    return {"retval": retval, "reply": reply}
