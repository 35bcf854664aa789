"""Walks through the guide and through our own files, each on a machine of its own (sandbox.sh)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def refusal(tmp_path):
    """Why this machine cannot lend another one, if so."""
    if os.geteuid() != 0:
        return "needs root, for a network and a file system of its own"
    (tmp_path / "try").mkdir()
    tried = subprocess.run(
        [HERE / "sandbox.sh", tmp_path / "try", "true"], capture_output=True, text=True
    )
    return tried.returncode and f"this kernel lends no namespaces: {tried.stderr}"


@pytest.mark.parametrize("walk", ["walk_guide.py", "walk_files.py"])
def test_walk(walk, tmp_path):
    if reason := refusal(tmp_path):
        pytest.skip(reason)
    layers = tmp_path / "layers"
    layers.mkdir()
    pytest_of_walk = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider"]
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [HERE / "sandbox.sh", layers, *pytest_of_walk, HERE / walk],
        env=env, capture_output=True, text=True,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
