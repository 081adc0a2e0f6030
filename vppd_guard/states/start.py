"""The action of START: what an earlier guard has left."""

from vppd_guard.drivers import registry
from vppd_guard.life import GuardEvent
from vppd_guard.states.context import GuardContext
from vppd_guard.undo.records import UplinkCaptured, captured_uplinks, last_vpp
from vppd_guard.uplink.uplinks import DrivenUplink, driven_uplink, main_first
from vppd_guard.vpp import process


async def start(scene: GuardContext) -> GuardEvent:
    """What an earlier guard has left: a VPP to adopt, something to undo, or nothing."""
    await scene.hands.do(10.0, scene.journal.cut_torn_end)
    records = scene.journal.read()
    known, left = captured_uplinks(records), last_vpp(records)
    if not records:
        return GuardEvent.DONE
    scene.process = process.adopt(left.pid, left.started) if left else None
    adopted = _adopted(scene, known) if scene.process else []
    # A guard that was killed right after starting VPP could not note it: such a VPP is ended, not adopted.
    scene.process = scene.process or process.find_by_conf(scene.config.vpp_run / "startup.conf")
    if scene.process is not None and adopted:
        scene.uplinks = adopted
        scene.log.info("adopted", pid=scene.process.pid, uplinks=scene.names)
        return GuardEvent.ADOPTS
    scene.log.warning("unfinished business", records=len(records), uplinks=[record.uplink.name for record in known])
    return GuardEvent.LEFTOVERS


def _adopted(scene: GuardContext, known: list[UplinkCaptured]) -> list[DrivenUplink]:
    """The uplinks as they were taken; none if the configuration names others by now."""
    specs = main_first(scene.config.interfaces.uplinkInterfaces)
    if [spec.interfaceName for spec in specs] != [record.uplink.name for record in known]:
        return []
    made = []
    for number, (spec, record) in enumerate(zip(specs, known, strict=True)):
        if spec.vppDriver not in ("", record.driver):
            return []
        driver = registry.driver_named(record.driver)
        each = driven_uplink(record.uplink, spec, number, driver, scene.config, scene.machine)
        made.append(each.with_answers(record.answered))
    return made
