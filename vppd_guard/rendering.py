"""shim"""

from dataclasses import dataclass

from vppd_guard.startup_conf import render as _r
from vppd_guard.startup_conf import render_conf


@dataclass(frozen=True)
class Rendered:
    conf: str
    script: str
    warnings: tuple[str, ...] = ()


def with_tokens(text, config, names):
    return _r(text, config.run, names)


def render(config, uplinks):
    names = [u.name for u in uplinks]
    return Rendered(render_conf(config.startup_conf, config.run, names), _r(config.startup_exec, config.run, names))
