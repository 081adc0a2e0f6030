"""cnat as a whole: interfaces that have the feature, translations, sessions, source NAT, hooks for policies."""

from tools.vppsim.cnat.hooks import PolicyHooks
from tools.vppsim.cnat.sessions import CnatSession, CnatSessions
from tools.vppsim.cnat.settings import CnatSettings
from tools.vppsim.cnat.snat import Snat
from tools.vppsim.cnat.translations import CnatTranslations


class Cnat:
    """`features`: how often the feature is enabled, by sw_if_index. `policy_hooks` may be set at any time."""

    def __init__(self, settings: CnatSettings) -> None:
        self.settings = settings
        self.features: dict[int, int] = {}
        self.highest_if_index = -1
        self.policy_hooks = PolicyHooks()
        self.translations = CnatTranslations(settings.maglev_len)
        self.sessions = CnatSessions(settings.limits, settings.session_max_age, self._give_port_back)
        self.snat = Snat()
        self._scanned_at = 0.0

    def enable(self, if_index: int, on: bool) -> None:
        """Enable the feature once more, or once less."""
        times = max(0, self.features.get(if_index, 0) + (1 if on else -1))
        self.features[if_index] = times
        self.highest_if_index = max(self.highest_if_index, if_index)
        if not times:
            del self.features[if_index]

    def forget_interface(self, if_index: int) -> None:
        """An interface was deleted. It stays in the tables of source NAT, as in VPP."""
        self.features.pop(if_index, None)

    def tick(self, now: float) -> None:
        """Once a second: the scanner runs when its interval is over."""
        if self.settings.scanner and now >= self._scanned_at + self.settings.session_cleanup_timeout:
            self._scanned_at = now
            self.sessions.scan(now)

    def purge(self) -> None:
        """End all sessions, and all translations with them."""
        self.sessions.purge()
        self.translations.purge()

    def _give_port_back(self, session: CnatSession) -> None:
        settings = self.snat.settings
        if session.port is not None and session.output is not None and settings and settings.ports:
            settings.ports.free(session.output.protocol, session.port)
