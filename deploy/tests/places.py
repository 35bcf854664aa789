"""Where things are: the repository, its deployment files, the guide, the relay under test."""

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]
RELAY = ROOT / "deploy/relay"
JS = ROOT / "interop/js"


def binary():
    program = os.environ.get("CLASP_RELAY_BIN")
    assert program, "CLASP_RELAY_BIN does not name the relay program to test"
    return program


def guide():
    """The guide as it lies beside the checkout, else as it was when this suite was written."""
    beside = ROOT.parent / "shared/seed/cloud-deployment.md"
    return (beside if beside.exists() else Path(__file__).with_name("guide.md")).read_text()


def block_with(text, mark):
    """The one fenced block of a Markdown page that contains `mark`."""
    blocks = [part.split("\n", 1)[1] for part in text.split("```")[1::2]]
    found = [block for block in blocks if mark in block]
    assert len(found) == 1, f"{len(found)} blocks contain {mark!r}"
    return found[0]
