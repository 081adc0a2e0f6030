"""The action of TAKEN: VPP starts."""

import asyncio

from bus import whole_files
from vppd_guard.states import info_file
from vppd_guard.states.context import GuardContext
from vppd_guard.states.failures import GuardActionFailed
from vppd_guard.states.holding import GuardHoldingTaken, GuardHoldingUp
from vppd_guard.undo.records import VppStartedRecord
from vppd_guard.vpp import cores
from vppd_guard.vpp.process import VppInstance, VppLaunch

_VPP_ANSWERS_S_MAX = 10.0


async def run_guard_state(context: GuardContext, holding: GuardHoldingTaken) -> GuardHoldingUp:
    """VPP runs and accepts API clients."""
    config = context.config
    launch = _write_startup_files(context, holding)
    config.vpp_api.unlink(missing_ok=True)
    await asyncio.to_thread(cores.prune_vpp_cores, config.initial.corePattern, bytes_max=config.cores_bytes_max)
    await info_file.write_info_file_starting(context)
    vpp = context.vpp.start(launch)
    await context.write_record(VppStartedRecord(vpp.pid, vpp.start_ticks))
    await _wait_for_api(context, vpp)
    return GuardHoldingUp(uplinks=holding.uplinks, annotations=holding.annotations, taken_at=holding.taken_at, vpp=vpp)


def _write_startup_files(context: GuardContext, holding: GuardHoldingTaken) -> VppLaunch:
    config, directory = context.config, context.config.vpp_run
    files = context.startup_files(holding.uplinks, holding.annotations)
    whole_files.replace_file_whole(directory / "startup.conf", files.conf.encode(), 0o644, sync=False)
    whole_files.replace_file_whole(directory / "startup.exec", files.exec.encode(), 0o644, sync=False)
    return VppLaunch(config.vpp_binary, directory / "startup.conf", config.vpp_netns, config.vpp_preload)


async def _wait_for_api(context: GuardContext, vpp: VppInstance) -> None:
    if not await vpp.answers(context.config.vpp_api, _VPP_ANSWERS_S_MAX):
        why = vpp.reason or f"does not accept API clients within {_VPP_ANSWERS_S_MAX:g} s"
        raise GuardActionFailed(f"VPP {why}; see {context.vpp.log}")
