"""The snippet that the README quotes."""

import asyncio
import os
import sys
from pathlib import Path

from support import within

SNIPPET = Path(__file__).parent.parent / "snippets" / "connect.py"


async def test_the_python_snippet_prints_the_value_it_set(relay):
    env = {**os.environ, "CLASP_URL": relay.url}
    snippet = await asyncio.create_subprocess_exec(
        sys.executable, str(SNIPPET), env=env, stdout=asyncio.subprocess.PIPE
    )

    try:
        line = await within("a line of the snippet", snippet.stdout.readline())
        assert line == b"/lights/kitchen 0.5\n"
    finally:
        snippet.kill()
        await snippet.wait()
