"""Edge: renders the templates for the uplinks of this machine."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from schemas.config import NodeConfig
from vppd_guard.drivers.machine import Machine
from vppd_guard.drivers.registry import driver_named
from vppd_guard.uplink.uplinks import DrivenUplink
from vppd_guard.vpp.startup_conf import (
    StartupFiles,
    StartupUplink,
    render_startup_files,
    replace_tokens,
    template_annotation_keys,
    token_values,
)


def startup_files(
    config: NodeConfig, uplinks: Sequence[DrivenUplink], machine: Machine, annotations: Mapping[str, str]
) -> StartupFiles:
    """startup.conf and startup.exec. `annotations`: of the Kubernetes node. Raises BadTemplate."""
    driven = [StartupUplink(each.captured, each.target.spec, each.driver) for each in uplinks]
    return _render(config, driven, machine, annotations)


def dry_run_files(
    config: NodeConfig, uplinks: Sequence[DrivenUplink], machine: Machine, annotations: Mapping[str, str]
) -> StartupFiles:
    """startup.conf without drivers, and with paths of its own: the devices are still Linux's. Raises BadTemplate."""
    aside = replace(config, run=config.run / "trial", startup_exec="")
    no_driver = driver_named("none")
    driven = [StartupUplink(each.captured, each.target.spec, no_driver) for each in uplinks]
    return _render(aside, driven, machine, annotations)


def _render(
    config: NodeConfig, driven: Sequence[StartupUplink], machine: Machine, annotations: Mapping[str, str]
) -> StartupFiles:
    first_cpu, pages = machine.first_cpu(), machine.has_hugepages()
    return render_startup_files(config, driven, annotations=annotations, first_cpu=first_cpu, has_hugepages=pages)


def node_annotations_needed(config: NodeConfig) -> set[str]:
    """Keys of the node's annotations that templates and hooks ask for."""
    return template_annotation_keys(config.startup_conf, config.startup_exec, *config.hooks.values())


def hook_script(
    script: str, config: NodeConfig, uplinks: Sequence[DrivenUplink], machine: Machine, annotations: Mapping[str, str]
) -> str:
    """A hook's script with its tokens replaced; tokens of uplinks once these are known."""
    links = [each.captured for each in uplinks]
    return replace_tokens(script, token_values(config, links, annotations, machine.first_cpu()))
