"""The action of CAPTURED: the uplinks leave Linux.

Before each change of Linux the undo journal is written (`undo/step.py`).
"""

import asyncio
import time

from vppd_guard.host.hooks import HostHookPoint
from vppd_guard.host_services.host import HostReader
from vppd_guard.host_services.plan import host_file_steps, link_management_notes
from vppd_guard.linux.moving import ensure_netns
from vppd_guard.states.context import GuardContext
from vppd_guard.states.holding import GuardHoldingCaptured, GuardHoldingTaken
from vppd_guard.undo.step import LinuxStep, LinuxStepFailed
from vppd_guard.vpp import cores

_NETNS_S_MAX = 5.0


async def run_guard_state(context: GuardContext, holding: GuardHoldingCaptured) -> GuardHoldingTaken:
    """Gives the uplinks to VPP."""
    config, began_at = context.config, time.monotonic()
    for uplink in holding.uplinks:
        await context.write_record(uplink.record)
    for step in await asyncio.to_thread(_host_steps, context, holding):
        await _try_step(context, step)
    await context.run_hook(HostHookPoint.BEFORE_VPP_RUN, holding)
    if step_for_cores := cores.core_pattern_step(config.initial.corePattern):
        await _try_step(context, step_for_cores)
    await context.executor.run(_NETNS_S_MAX, ensure_netns, config.vpp_netns)
    for uplink in holding.uplinks:
        for step in uplink.driver.steps_before_vpp(uplink.captured, uplink.target.spec, config, context.machine):
            await context.run_step(step)
    return GuardHoldingTaken(uplinks=holding.uplinks, annotations=holding.annotations, taken_at=began_at)


def _host_steps(context: GuardContext, holding: GuardHoldingCaptured) -> list[LinuxStep]:
    """Steps that keep the host's own network software off the uplinks."""
    config, host = context.config, HostReader(context.config.host_root)
    links = [uplink.captured for uplink in holding.uplinks]
    for text in link_management_notes(links, host) if config.network_manager_hook else ():
        context.warn_once(text)
    return host_file_steps(
        links,
        host,
        context.warn_once,
        enabled=config.network_manager_hook,
        net_names=config.debug.enableUdevNetNameRules,
    )


async def _try_step(context: GuardContext, step: LinuxStep) -> None:
    """Makes a change that the takeover can do without."""
    try:
        await context.run_step(step)
    except (LinuxStepFailed, TimeoutError, OSError) as error:
        context.log.warning("step failed", what=step.title, why=error)
