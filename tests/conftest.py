"""How tests run: examples of property tests, and what may run beside what.

Property tests: profile `default` or `thorough` (`make test PROFILE=thorough`). A test that wants another number of
examples says why.

Beside one another: several workers take tests (`make test JOBS=3`); tests/scheduling.py says which share one. A test
marked `alone` measures time, or the machine: no other runs meanwhile.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.contract.requests"]

# No deadlines, and no complaint that making examples is slow: a busy machine is not a failure.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# By default every run tries the same examples, so that what fails is the change's doing; `thorough` looks for new ones.
settings.register_profile("default", _PATIENT, max_examples=25, derandomize=True)
settings.register_profile("thorough", _PATIENT, max_examples=1000)
settings.load_profile("default")


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """What pytest-xdist asks for. Imported here, for those who run tests one after another without it."""
    from tests.scheduling import WorldScheduling

    return WorldScheduling(config, log)


@contextmanager
def _locked(path: Path, how: int) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, how)
        yield


@pytest.fixture(autouse=True)
def turn(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Lets others run beside this test, or nobody if it is marked `alone`."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        yield
        return
    directory = tmp_path_factory.getbasetemp().parent
    alone = request.node.get_closest_marker("alone") is not None
    with ExitStack() as locks:
        with _locked(
            directory / "door", fcntl.LOCK_EX
        ):  # one at a time, so that who wants to be alone is not passed by
            locks.enter_context(_locked(directory / "room", fcntl.LOCK_EX if alone else fcntl.LOCK_SH))
        yield
