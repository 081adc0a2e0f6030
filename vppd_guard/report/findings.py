"""Findings of a preflight, for people and for machines. Pure."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

FINDING_OK, FINDING_WARNING, FINDING_FAILED, FINDING_WAIVED = "ok", "warning", "failed", "waived"
_WIDTH = 80


class PreflightFinding(Struct, frozen=True):
    """A check and its outcome. `state`: ok | warning | failed | waived (failed, and the operator accepts it)."""

    check: str  # its name, by which VPPD_PREFLIGHT_WAIVE accepts a failure
    state: str
    text: str = ""  # what was found


def preflight_finding_of(check: str, problem: str, good: str = "") -> PreflightFinding:
    """Failed with that problem; without a problem ok."""
    return PreflightFinding(check, FINDING_FAILED, problem) if problem else PreflightFinding(check, FINDING_OK, good)


def waive_preflight_failures(findings: Iterable[PreflightFinding], names: Sequence[str]) -> list[PreflightFinding]:
    """The findings, with the failures waived that the operator accepts by name."""
    return [
        PreflightFinding(f.check, FINDING_WAIVED, f.text) if f.state == FINDING_FAILED and f.check in names else f
        for f in findings
    ]


def preflight_failure_texts(findings: Iterable[PreflightFinding]) -> list[str]:
    """What forbids a takeover, in words."""
    return [f"{finding.check}: {finding.text}" for finding in findings if finding.state == FINDING_FAILED]


def preflight_findings_table(findings: Sequence[PreflightFinding], width: int = _WIDTH) -> str:
    """The findings in lines no longer than `width`; long texts continue below themselves."""
    checks = max((len(finding.check) for finding in findings), default=0)
    indent = checks + 2 + len(FINDING_WARNING) + 2
    lines = []
    for finding in findings:
        texts = _wrapped(finding.text, max(20, width - indent))
        lines.append(f"{finding.check:{checks}}  {finding.state:{len(FINDING_WARNING)}}  {texts[0]}".rstrip())
        lines += [" " * indent + text for text in texts[1:]]
    return "\n".join(lines)


def _wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return lines
