"""The action of START: reads what an earlier guard has left."""

from collections.abc import Sequence
from dataclasses import replace

from vppd_guard.drivers import registry
from vppd_guard.report.history_line import was_last_takeover_configured
from vppd_guard.states.context import GuardContext
from vppd_guard.states.holding import GuardHolding, GuardHoldingAdopted, GuardLeftovers
from vppd_guard.undo.records import UplinkCapturedRecord, last_vpp_in_undo_records, uplinks_in_undo_records
from vppd_guard.uplink.uplinks import DrivenUplink, driven_uplink, uplinks_main_first
from vppd_guard.vpp import process


async def run_guard_state(context: GuardContext) -> GuardHolding:
    """A VPP to adopt, changes to undo, or nothing. Only the configured uplinks, with their drivers, are adopted."""
    records = context.journal.read()
    if not records:
        return GuardHolding()
    captures, vpp = uplinks_in_undo_records(records), last_vpp_in_undo_records(records)
    instance = process.adopt_vpp_process(vpp.pid, vpp.started) if vpp else None
    uplinks = _adoptable(context, captures) if instance else ()
    if instance is not None and uplinks:
        context.vpp.instance = instance
        informed = was_last_takeover_configured(context.history.read())
        adopted = GuardHoldingAdopted(uplinks=uplinks, taken_at=None, vpp=instance, host_informed=informed)
        context.log.info("adopted", pid=instance.pid, uplinks=adopted.names)
        return adopted
    if vpp is not None and instance is None:
        context.vpp.end_reason = process.reap_vpp_process(vpp.pid)
        context.log.warning("VPP ended while no guard watched", pid=vpp.pid, why=context.vpp.end_reason)
    # A guard that was killed right after starting VPP could not note it: such a VPP is ended, not adopted.
    context.vpp.instance = instance or process.find_vpp_by_conf(context.config.vpp_run / "startup.conf")
    names = [record.uplink.name for record in captures]
    context.log.warning("unfinished business", records=len(records), uplinks=names)
    return GuardLeftovers()


def _adoptable(context: GuardContext, captures: Sequence[UplinkCapturedRecord]) -> tuple[DrivenUplink, ...]:
    """The uplinks as they were taken; none: the configuration names others by now."""
    specs = uplinks_main_first(context.config.interfaces.uplinkInterfaces)
    if [spec.interfaceName for spec in specs] != [record.uplink.name for record in captures]:
        return ()
    uplinks = []
    for number, (spec, record) in enumerate(zip(specs, captures, strict=True)):
        if spec.vppDriver not in ("", record.driver):
            return ()
        driver = registry.uplink_driver_named(record.driver)
        uplink = driven_uplink(record.uplink, spec, number, driver, context.config, context.machine)
        uplinks.append(replace(uplink, answered=record.answered, tap_index=record.tap_index))
    return tuple(uplinks)
