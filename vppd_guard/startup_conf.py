"""VPP's startup.conf and startup.exec from their templates. Pure (spec of the guard, section 4)."""

from collections.abc import Sequence
from pathlib import Path


class BadTemplate(ValueError):
    """The template cannot be VPP's configuration; the text says where."""


def render(template: str, run: Path, uplinks: Sequence[str]) -> str:
    """The template with its tokens replaced. Raises BadTemplate if its braces do not match."""
    tokens = {"__VPPD_RUN__": str(run), "__VPP_DATAPLANE_IF__": uplinks[0] if uplinks else ""}
    tokens |= {f"__VPP_DATAPLANE_IF_{number}__": name for number, name in enumerate(uplinks)}
    for token, value in tokens.items():
        template = template.replace(token, value)
    return template


def render_conf(template: str, run: Path, uplinks: Sequence[str]) -> str:
    """startup.conf. Raises BadTemplate."""
    text = render(template, run, uplinks)
    depth = 0
    for number, line in enumerate(text.splitlines(), 1):
        code = line.partition("#")[0]
        for letter in code:
            depth += {"{": 1, "}": -1}.get(letter, 0)
            if depth < 0:
                raise BadTemplate(f"CALICOVPP_CONFIG_TEMPLATE: line {number}: '}}' without '{{'")
    if depth:
        raise BadTemplate(f"CALICOVPP_CONFIG_TEMPLATE: {depth} '{{' without '}}'")
    return text
