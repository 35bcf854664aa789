"""The commands of docs/deployment are shell, and name files that exist."""

import re
import subprocess

import pytest
from places import RELAY, ROOT

PAGES = sorted((ROOT / "docs/deployment").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda it: it.name)
def test_commands_are_shell(page):
    text = page.read_text()
    fenced = re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)
    indented = re.findall(r"(?<=\n\n)(?: {4}.*\n)+", text)
    blocks = fenced + indented
    assert blocks
    for block in blocks:
        checked = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True)
        assert checked.returncode == 0, block + checked.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda it: it.name)
def test_files_exist(page):
    text = page.read_text()
    for path in re.findall(r"\bdeploy/relay/[\w./-]+\w", text):
        assert (ROOT / path).exists(), path
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (page.parent / link).exists(), link


def test_every_file_is_named():
    text = (ROOT / "docs/deployment/cloud.md").read_text()
    for name in ("install.sh", "cloud-init.yaml", "compose.yml", "fly.toml", "nginx.conf"):
        assert f"{name}`" in text and (RELAY / name).exists(), name
