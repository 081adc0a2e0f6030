"""The action of TAKEN: VPP starts."""

import asyncio

from vppd_guard.life import GuardEvent
from vppd_guard.states import info_file
from vppd_guard.states.context import GuardContext
from vppd_guard.states.failures import ActionFailed
from vppd_guard.undo.records import VppStarted
from vppd_guard.vpp import cores, process
from vppd_guard.vpp.process import VppLaunch

VPP_ANSWERS_S_MAX = 10.0


async def start_vpp(scene: GuardContext) -> GuardEvent:
    """VPP runs and accepts API clients."""
    config, run = scene.config, scene.config.vpp_run
    text = scene.rendered(scene.uplinks)
    run.mkdir(mode=0o755, parents=True, exist_ok=True)
    (run / "startup.conf").write_text(text.conf)
    (run / "startup.exec").write_text(text.exec)
    config.vpp_api.unlink(missing_ok=True)
    await asyncio.to_thread(cores.prune_cores, config.initial.corePattern, bytes_max=config.cores_bytes_max)
    await info_file.starting(scene)
    launch = VppLaunch(config.vpp_binary, run / "startup.conf", config.vpp_netns, config.vpp_preload)
    scene.process = process.start(launch, run / "vpp.log")
    started = VppStarted(scene.process.pid, scene.process.started)
    await scene.hands.do(10.0, scene.journal.append, started)
    if not await scene.process.answers(config.vpp_api, VPP_ANSWERS_S_MAX):
        why = scene.process.reason or f"does not accept API clients within {VPP_ANSWERS_S_MAX:g} s"
        raise ActionFailed(f"VPP {why}; see {run / 'vpp.log'}")
    return GuardEvent.DONE
