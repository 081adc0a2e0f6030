"""VPP's startup.conf and startup.exec from their templates. Pure.

Templates are the user's: what is not named here stays as it is. Ours are the places at which our processes meet VPP
(sockets, pid file, runtime directory), what keeps VPP our child, DPDK's stanza for uplinks that DPDK drives, and cnat's
limits where the template has none. Each replaced word gets a warning.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from schemas.config import STARTUP_CONF_CNAT_STANZA, NodeConfig, UplinkSpec
from vppd_guard.drivers.names import uplink_vpp_tag
from vppd_guard.linux.captured import CapturedLink
from vppd_guard.vpp.conf_tree import BadStartupTemplate as BadStartupTemplate
from vppd_guard.vpp.conf_tree import StartupConfEdits, StartupConfWord, parse_startup_conf

_CONF, _EXEC = "CALICOVPP_CONFIG_TEMPLATE", "CALICOVPP_CONFIG_EXEC_TEMPLATE"
_ANNOTATION = re.compile(r"__NODE_ANNOTATION:(.+?)__")
_TOKEN = re.compile(r"__[A-Z][A-Z0-9_]*?(?::[^\s{}]*?)?__")
_PLUGINS = ("cnat_plugin.so", "npol_plugin.so", "tap_plugin.so", "urpf_plugin.so")  # whatever the uplink's driver
_DPDK_PLUGIN = "dpdk_plugin.so"
_EXEC_OF_REFERENCE = "/etc/vpp/startup.exec"
_EXEC_WORDS = ("exec", "startup-config")


class _ConfiguredDriver(Protocol):
    """What of an uplink's driver startup.conf depends on."""

    name: str  # the configuration's `vppDriver`
    plugins: tuple[str, ...]  # of VPP, without which it is of no use


@dataclass(frozen=True)
class StartupConfUplink:
    """An uplink and its driver."""

    link: CapturedLink
    spec: UplinkSpec
    driver: _ConfiguredDriver


@dataclass(frozen=True)
class VppStartupFiles:
    """The two files, and warnings for what was decided over the user's head."""

    conf: str
    exec: str
    warnings: tuple[str, ...] = ()


def render_vpp_startup_files(
    config: NodeConfig,
    uplinks: Sequence[StartupConfUplink],
    *,
    annotations: Mapping[str, str] = MappingProxyType({}),
    first_cpu: str = "",
    has_hugepages: bool = True,
) -> VppStartupFiles:
    """VPP's configuration for these uplinks, in the configured order.

    `annotations`: of the Kubernetes node; needed only if `template_annotation_keys` finds any. `first_cpu`: of the
    container's CPUs. Raises BadStartupTemplate, which names the template and the line or token.
    """
    values = template_token_values(config, [uplink.link for uplink in uplinks], annotations, first_cpu)
    text = _fill_template(config.startup_conf, values, _CONF)
    script = _fill_template(config.startup_exec, values, _EXEC)
    template = _ConfTemplate(text)
    template.check_plugins(dict.fromkeys([*_PLUGINS, *(name for u in uplinks for name in u.driver.plugins)]))
    template.set_places(config, has_script=bool(script.strip()))
    dpdk = [uplink for uplink in uplinks if uplink.driver.name == "dpdk"]
    if dpdk:
        template.add_dpdk(dpdk, has_hugepages)
    template.add_cnat()
    return VppStartupFiles(template.edits.text(), script, tuple(template.warnings))


def template_token_values(
    config: NodeConfig, links: Sequence[CapturedLink], annotations: Mapping[str, str], first_cpu: str
) -> dict[str, str]:
    """Token -> value; without tokens that have none."""
    values = {"__VPPD_RUN__": str(config.run), "__CPUSET_CPUS_FIRST__": first_cpu}
    for number, link in enumerate(links):
        values |= {f"__PCI_DEVICE_ID_{number}__": link.pci, f"__VPP_DATAPLANE_IF_{number}__": link.name}
    if links:
        values |= {"__PCI_DEVICE_ID__": links[0].pci, "__VPP_DATAPLANE_IF__": links[0].name}
    values |= {f"__NODE_ANNOTATION:{key}__": value for key, value in annotations.items()}
    return {token: value for token, value in values.items() if value}


def template_annotation_keys(*templates: str) -> set[str]:
    """Keys of the node's annotations that templates ask for."""
    return {key for template in templates for key in _ANNOTATION.findall(template)}


def replace_template_tokens(template: str, values: Mapping[str, str]) -> str:
    """The template with known tokens replaced. For hook scripts, in which others may mean something."""
    known_values = {token: values[token] for token in sorted(values, key=len, reverse=True)}
    pattern = "|".join(map(re.escape, known_values))
    return re.sub(pattern, lambda found: known_values[found[0]], template) if known_values else template


def _fill_template(template: str, values: Mapping[str, str], source: str) -> str:
    """The template with all tokens replaced. Raises BadStartupTemplate: one outside comments has no value."""
    text = replace_template_tokens(template, values)
    for number, whole in enumerate(text.splitlines(), 1):
        token = _TOKEN.search(whole.partition("#")[0])
        if token:
            raise BadStartupTemplate(f"{source}: line {number}: {token[0]} has no value here")
    return text


class _ConfTemplate:
    """The tree of a template, and its changes."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._root = parse_startup_conf(text, _CONF)
        self.edits = StartupConfEdits(text)
        self.warnings: list[str] = []

    def check_plugins(self, needed: Collection[str]) -> None:
        """Raises BadStartupTemplate: a needed plugin is disabled. DPDK's plugin is enabled by `add_dpdk`."""
        for name in needed:
            if name != _DPDK_PLUGIN and not self._is_enabled(name):
                raise BadStartupTemplate(f"{_CONF}: plugins: {name} is disabled, and vppd needs it")

    def set_places(self, config: NodeConfig, *, has_script: bool) -> None:
        """VPP's sockets and files are where our processes look for them."""
        run = config.vpp_run
        self._set("unix", "cli-listen", str(run / "cli.sock"))
        self._set("unix", "runtime-dir", str(run))
        self._set("unix", "pidfile", str(run / "vpp.pid"))
        self._set("socksvr", "socket-name", str(config.vpp_api))
        self._set("statseg", "socket-name", str(run / "stats.sock"))
        self._set_exec(str(run / "startup.exec"), has_script)
        # VPP says why it dies on its standard error only if it does not say it to syslog.
        if not any(block.contains("nosyslog") or block.contains("interactive") for block in self._root.blocks("unix")):
            self._add("unix", "nosyslog")
        if not any(block.contains("nodaemon") or block.contains("interactive") for block in self._root.blocks("unix")):
            self._add("unix", "nodaemon")
            self.warnings.append(f"{_CONF}: unix: nodaemon added: VPP's life is watched")

    def add_dpdk(self, uplinks: Sequence[StartupConfUplink], has_hugepages: bool) -> None:
        """DPDK drives these uplinks. A stanza of the template's own is taken as it is."""
        self._enable(_DPDK_PLUGIN)
        stanzas = list(self._root.blocks("dpdk"))
        if stanzas:
            stanza_words = {word.text for stanza in stanzas for word in stanza.words()}
            for tag in (uplink_vpp_tag(uplink.link.name) for uplink in uplinks):
                if tag not in stanza_words:
                    self.warnings.append(f"{_CONF}: dpdk: no `tag {tag}`; vppd finds the uplink by it")
            return
        lines = [_device(uplink) for uplink in uplinks]
        if not has_hugepages:
            lines += ["iova-mode va", "no-hugetlb"]
            # VPP 26.10 has no `no-hugetlb` in buffers any more; the page size says it.
            if not any(True for block in self._root.blocks("buffers") for _ in block.values("page-size")):
                self._add("buffers", "page-size 4K")
        self.edits.append(self._root, "dpdk {\n" + "".join(f"  {text}\n" for text in lines) + "}")

    def add_cnat(self) -> None:
        """Limits for cnat, whose own defaults are too few sessions, kept too long."""
        if not any(self._root.blocks("cnat")):
            self.edits.append(self._root, STARTUP_CONF_CNAT_STANZA)

    def _set(self, stanza: str, name: str, value: str) -> None:
        """The setting has that value."""
        words = [word for block in self._root.blocks(stanza) for word in block.values(name)]
        for word in words:
            self._replace(stanza, name, word, value)
        if not words:
            self._add(stanza, f"{name} {value}")

    def _set_exec(self, path: str, has_script: bool) -> None:
        """VPP runs our startup.exec. Another file that the template names is left."""
        words = [(n, w) for block in self._root.blocks("unix") for n in _EXEC_WORDS for w in block.values(n)]
        for name, word in words:
            if word.text in (path, _EXEC_OF_REFERENCE):
                self._replace("unix", name, word, path)
            elif has_script:
                self.warnings.append(f"{_CONF}: unix: {name} {word.text}: {_EXEC} is not run by it")
        if not words:
            self._add("unix", f"exec {path}")

    def _replace(self, stanza: str, name: str, word: StartupConfWord, value: str) -> None:
        if word.text != value:
            self.edits.replace(word, value)
            self.warnings.append(f"{_CONF}: {stanza}: {name} {word.text} is {value} here")

    def _add(self, stanza: str, text: str) -> None:
        """Text at the end of a stanza's last block, so that it has the last word; or a new stanza."""
        blocks = list(self._root.blocks(stanza))
        if blocks:
            self.edits.append(blocks[-1], text)
        else:
            self.edits.append(self._root, f"{stanza} {{ {text} }}")

    def _settings(self, plugin: str) -> list[StartupConfWord]:
        """The template's words for a plugin, `enable` or `disable`; the last one counts."""
        blocks = [block for plugins in self._root.blocks("plugins") for block in plugins.blocks("plugin", plugin)]
        return [word for block in blocks for word in block.words() if word.text in ("enable", "disable")]

    def _is_enabled(self, plugin: str) -> bool:
        settings = self._settings(plugin) or self._settings("default")
        return not settings or settings[-1].text == "enable"

    def _enable(self, plugin: str) -> None:
        settings = self._settings(plugin)
        for word in settings:
            if word.text == "disable":
                self.edits.replace(word, "enable")
        if not settings and not self._is_enabled(plugin):
            self._add("plugins", f"plugin {plugin} {{ enable }}")


def _device(uplink: StartupConfUplink) -> str:
    """A device's line in DPDK's stanza."""
    return f"dev {uplink.link.pci} {{ {' '.join(_device_words(uplink.spec))} tag {uplink_vpp_tag(uplink.link.name)} }}"


def _device_words(spec: UplinkSpec) -> Iterator[str]:
    yield f"num-rx-queues {spec.rx_queues}"
    yield f"num-tx-queues {spec.tx_queues}"
    yield f"num-rx-desc {spec.rx_ring}"
    yield f"num-tx-desc {spec.tx_ring}"
