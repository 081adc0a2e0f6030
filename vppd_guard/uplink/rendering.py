"""Edge: renders the templates for the uplinks of this machine."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from schemas.config import NodeConfig
from vppd_guard.drivers.machine import HostMachine
from vppd_guard.drivers.registry import uplink_driver_named
from vppd_guard.uplink.uplinks import DrivenUplink
from vppd_guard.vpp.startup_conf import (
    StartupConfUplink,
    VppStartupFiles,
    render_vpp_startup_files,
    replace_template_tokens,
    template_annotation_keys,
    template_token_values,
)


def vpp_startup_files(
    config: NodeConfig, uplinks: Sequence[DrivenUplink], machine: HostMachine, annotations: Mapping[str, str]
) -> VppStartupFiles:
    """startup.conf and startup.exec. `annotations`: of the Kubernetes node. Raises BadStartupTemplate."""
    driven = [StartupConfUplink(each.captured, each.target.spec, each.driver) for each in uplinks]
    return _render(config, driven, machine, annotations)


def vpp_dry_run_files(
    config: NodeConfig, uplinks: Sequence[DrivenUplink], machine: HostMachine, annotations: Mapping[str, str]
) -> VppStartupFiles:
    """startup.conf without drivers, and with paths of its own: devices are still Linux's. Raises BadStartupTemplate."""
    aside = replace(config, run=config.run / "trial", startup_exec="")
    no_driver = uplink_driver_named("none")
    driven = [StartupConfUplink(each.captured, each.target.spec, no_driver) for each in uplinks]
    return _render(aside, driven, machine, annotations)


def _render(
    config: NodeConfig, driven: Sequence[StartupConfUplink], machine: HostMachine, annotations: Mapping[str, str]
) -> VppStartupFiles:
    first_cpu, pages = machine.first_cpu(), machine.has_hugepages()
    return render_vpp_startup_files(config, driven, annotations=annotations, first_cpu=first_cpu, has_hugepages=pages)


def node_annotations_needed(config: NodeConfig) -> set[str]:
    """Keys of the node's annotations that templates and hooks ask for."""
    return template_annotation_keys(config.startup_conf, config.startup_exec, *config.hooks.values())


def rendered_hook_script(
    script: str,
    config: NodeConfig,
    uplinks: Sequence[DrivenUplink],
    machine: HostMachine,
    annotations: Mapping[str, str],
) -> str:
    """A hook's script with its tokens replaced; tokens of uplinks once these are known."""
    links = [each.captured for each in uplinks]
    return replace_template_tokens(script, template_token_values(config, links, annotations, machine.first_cpu()))
