"""Edge: the templates rendered for the uplinks of this machine."""

from collections.abc import Sequence
from dataclasses import replace

from schemas.config import NodeConfig
from vppd_guard.drivers.machine import Machine
from vppd_guard.drivers.registry import driver_named
from vppd_guard.startup_conf import Driven, Rendered, render, replace_tokens, tokens
from vppd_guard.uplinks import Uplink


def for_uplinks(config: NodeConfig, uplinks: Sequence[Uplink], machine: Machine) -> Rendered:
    """startup.conf and startup.exec. Raises BadTemplate."""
    driven = [Driven(each.captured, each.target.spec, each.driver) for each in uplinks]
    return render(config, driven, first_cpu=machine.first_cpu(), has_hugepages=machine.has_hugepages())


def for_trial(config: NodeConfig, uplinks: Sequence[Uplink], machine: Machine) -> Rendered:
    """The same without the drivers' parts, and with places of its own: the devices are still Linux's."""
    aside = replace(config, run=config.run / "trial", startup_exec="")
    nobody = driver_named("none")
    driven = [Driven(each.captured, each.target.spec, nobody) for each in uplinks]
    return render(aside, driven, first_cpu=machine.first_cpu(), has_hugepages=machine.has_hugepages())


def hook_script(script: str, config: NodeConfig, uplinks: Sequence[Uplink], machine: Machine) -> str:
    """A hook's script with its tokens replaced; those of uplinks once these are known."""
    links = [each.captured for each in uplinks]
    return replace_tokens(script, tokens(config, links, {}, machine.first_cpu()))
