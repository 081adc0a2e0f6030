"""The stanza `cnat { }` of startup.conf (VPP: cnat_config)."""

from dataclasses import dataclass, replace

from tools.vppsim.cnat import maglev
from tools.vppsim.cnat.sessions import SessionLimits
from tools.vppsim.startup import Stanza, StartupError

SESSIONS_MAX = 1 << 24
NUMBERS = {
    "session-max-age",
    "tcp-max-age",
    "session-max",
    "session-max-per-vrf",
    "session-log2-pool-size",
    "maglev-len",
}
WITHOUT_EFFECT = {
    f"{table}-db-{what}" for table in ("translation", "client", "snat") for what in ("buckets", "memory")
} | {"snat-if-map-len", "session-max-port-retries"}


@dataclass(frozen=True)
class CnatSettings:
    """Ages and intervals in seconds."""

    session_max_age: int = 30
    tcp_max_age: int = 3600
    session_cleanup_timeout: float = 1.0
    session_max: int = SESSIONS_MAX
    maglev_len: int = maglev.LENGTH_DEFAULT
    session_max_per_vrf: int = 0
    session_log2_pool_size: int = 16
    scanner: bool = True

    @property
    def limits(self) -> SessionLimits:
        """VPP allocates whole pools, and uses the first session itself."""
        pools = -(-self.session_max >> self.session_log2_pool_size)
        return SessionLimits((pools << self.session_log2_pool_size) - 1, self.session_max_per_vrf or self.session_max)


DEFAULTS = CnatSettings()


def parse(stanza: Stanza) -> CnatSettings:
    """Raises StartupError for a word that VPP would not start with."""
    settings, words = DEFAULTS, iter(stanza.words)
    for word in words:
        value = next(words, "")
        try:
            settings = _with(settings, word, value)
        except ValueError as reason:
            raise StartupError(f"cnat: {word} {value}: {reason}") from None
    return settings


def _with(settings: CnatSettings, word: str, value: str) -> CnatSettings:
    if word == "scanner" and value in ("on", "off"):
        return replace(settings, scanner=value == "on")
    if word == "session-cleanup-timeout":
        return replace(settings, session_cleanup_timeout=float(value))
    if word in NUMBERS:
        number = int(value)
        if number < 0 or (word == "session-max" and number > SESSIONS_MAX):
            raise ValueError("out of range")
        changed: CnatSettings = replace(settings, **{word.replace("-", "_"): number})  # type: ignore[arg-type]
        return changed
    if word in WITHOUT_EFFECT and value:
        return settings
    raise ValueError("unknown")
