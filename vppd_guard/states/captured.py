"""The action of CAPTURED: the uplinks leave Linux.

Before each change of Linux the undo journal is written (`undo/step.py`).
"""

import asyncio
import time

from vppd_guard.host.hooks import HookPoint
from vppd_guard.host_services.host import Host
from vppd_guard.host_services.plan import file_steps, management_notes
from vppd_guard.life import GuardEvent
from vppd_guard.linux.moving import ensure_netns
from vppd_guard.states.context import GuardContext
from vppd_guard.undo.step import LinuxStep, StepFailed
from vppd_guard.vpp import cores


async def take(scene: GuardContext) -> GuardEvent:
    """The uplinks leave Linux."""
    scene.taken_at = time.monotonic()
    for each in scene.uplinks:
        await scene.hands.do(10.0, scene.journal.append, each.record)
    for step in await asyncio.to_thread(_host_steps, scene):
        await _try(scene, step)
    await scene.hook(HookPoint.BEFORE_VPP_RUN)
    if core := cores.core_pattern_step(scene.config.initial.corePattern):
        await _try(scene, core)
    await scene.hands.do(5.0, ensure_netns, scene.config.vpp_netns)
    for each in scene.uplinks:
        for step in each.driver.steps_before_vpp(each.captured, each.target.spec, scene.config, scene.machine):
            await scene.make(step)
    return GuardEvent.DONE


def _host_steps(scene: GuardContext) -> list[LinuxStep]:
    """What keeps the host's own network software off the uplinks."""
    config, host = scene.config, Host(scene.config.host_root)
    links = [each.captured for each in scene.uplinks]
    for words in management_notes(links, host) if config.network_manager_hook else ():
        scene.warn_once(words)
    return file_steps(
        links,
        host,
        scene.warn_once,
        enabled=config.network_manager_hook,
        net_names=config.debug.enableUdevNetNameRules,
    )


async def _try(scene: GuardContext, step: LinuxStep) -> None:
    """A step that the takeover can do without."""
    try:
        await scene.make(step)
    except (StepFailed, TimeoutError, OSError) as error:
        scene.log.warning("step failed", what=step.title, why=error)
