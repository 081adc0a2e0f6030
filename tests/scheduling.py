"""Which tests run beside one another: those that share a world go to one worker of pytest-xdist, one after another."""

from xdist.scheduler import LoadScopeScheduling

# Each test here makes all that it needs.
INDEPENDENT = ("tests/contract/", "tests/lab/guard/", "tests/layout/", "tests/unit/")
# All tests of a directory here share a lab, and what its conftest.py puts into that.
SHARED = ("tests/lab/",)


def world(test: str) -> str:
    """The world of a test, by its pytest id: itself, its directory, or its file."""
    path = test.partition("::")[0]
    if path.startswith(INDEPENDENT):
        return test
    return path.rpartition("/")[0] if path.startswith(SHARED) else path


class WorldScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out worlds, those with many tests first."""

    def _split_scope(self, nodeid: str) -> str:
        return world(nodeid)
