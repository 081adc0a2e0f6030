"""The driver may be built by several at a time, as tests beside one another do in a new checkout."""

import os
import shutil
import subprocess
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[3] / "container" / "felix-proxy"
BUILDERS = 6


def test_whoever_has_built_it_finds_it_whole(tmp_path: Path) -> None:
    sources = tmp_path / "container" / "felix-proxy"
    shutil.copytree(SOURCES, sources, ignore=shutil.ignore_patterns("build"))
    shutil.copy(SOURCES.parents[1] / "setup.cfg", tmp_path)
    driver = sources / "build" / "felix-proxy"
    builders = [subprocess.Popen(["make", "-s", "-C", str(sources)]) for _ in range(BUILDERS)]
    for builder in builders:
        assert builder.wait(timeout=120) == 0
        assert os.access(driver, os.X_OK)
    assert [path.name for path in driver.parent.iterdir()] == [driver.name]
