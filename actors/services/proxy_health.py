"""Edge: the answer to whether this node's service proxy serves, where load balancers look for kube-proxy's.

As kube-proxy answers on port 10256: `/healthz` 200 while it serves and the node is to get traffic, `/livez` 200 while
it serves, both 503 otherwise. It serves if VPP holds translations, or there is nothing to translate; a node that is
being deleted, or that the cluster's autoscaler is about to delete, is to get none.
"""

import asyncio
from collections.abc import Collection
from datetime import UTC, datetime
from http import HTTPStatus
from typing import NamedTuple

from actors.runtime.context import ActorContext
from actors.services.http_answers import HttpAnswers, http_json_answer
from schemas.cnat import TranslationIntent
from schemas.statuses import AppliedStatus

_TRY_AGAIN_S = 5.0
_HEALTHZ, _LIVEZ = "/healthz", "/livez"


class ProxyState(NamedTuple):
    """What there is to serve on this node. `is_leaving`: the node is going, and is to get no traffic from outside."""

    translations: Collection[TranslationIntent] = ()
    is_leaving: bool = False


class ServiceProxyHealth:
    """The listener."""

    def __init__(self, context: ActorContext, answers: HttpAnswers) -> None:
        self._context, self._answers = context, answers
        self._state: ProxyState | None = None  # None: nothing has been decided yet
        self._updated_at = ""
        self._server: asyncio.Server | None = None

    def apply(self, state: ProxyState) -> None:
        """What there is to serve."""
        self._state, self._updated_at = state, _now()

    def is_serving(self) -> bool:
        """Does VPP hold translations, or is there nothing to translate?"""
        if self._state is None:
            return False
        statuses = (self._context.status_of(translation.key) for translation in self._state.translations)
        return not self._state.translations or any(isinstance(status, AppliedStatus) for status in statuses)

    async def run(self) -> None:
        """Listens; a port that another process has, maybe kube-proxy, is tried again."""
        port, address = self._context.config.healthz_port, self._context.config.health_check_address or None
        told = False
        while port and self._server is None:
            try:
                self._server = await asyncio.start_server(
                    lambda reader, writer: self._answers.answer(reader, writer, self._response), address, port
                )
            except OSError as error:
                if not told:
                    self._context.log.warning("healthz not answered", port=port, why=error.strerror or error)
                told = True
                await asyncio.sleep(_TRY_AGAIN_S)

    def _response(self, path: str) -> bytes:
        if path not in (_HEALTHZ, _LIVEZ):
            return http_json_answer(HTTPStatus.NOT_FOUND, {"paths": [_HEALTHZ, _LIVEZ]})
        is_eligible = not (self._state and self._state.is_leaving)
        is_good = self.is_serving() and (is_eligible or path == _LIVEZ)
        status = HTTPStatus.OK if is_good else HTTPStatus.SERVICE_UNAVAILABLE
        body = {"lastUpdated": self._updated_at, "currentTime": _now(), "nodeEligible": is_eligible}
        return http_json_answer(status, body)

    async def stop(self) -> None:
        """Listens no more."""
        if self._server is not None:
            self._server.close()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
