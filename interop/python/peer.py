"""The Python side of the cross-language test: `peer.py <url>`.

Sets one value of each type below /from/python, then prints what arrives below /from, one
`<address> <description>` a line, until it is killed.
"""

import asyncio
import sys

from clasp import Clasp

VALUES = {
    "int": 7,
    "float": 0.5,
    "string": "hé",
    "bool": True,
    "null": None,
    "bytes": b"\x01\xff",
    "array": [7, "x", None],
    "map": {"k": [0.5]},
}


def describe(value):
    match value:
        case None:
            return "null"
        case bool():
            return f"bool:{str(value).lower()}"
        case int():
            return f"int:{value}"
        case float():
            return f"float:{value:g}"
        case str():
            return f"string:{value}"
        case bytes():
            return f"bytes:{value.hex()}"
        case list():
            return f"[{' '.join(map(describe, value))}]"
        case dict():
            return f"{{{' '.join(f'{key}={describe(item)}' for key, item in value.items())}}}"
        case _:
            return f"{type(value).__name__}:{value}"


async def main(url):
    client = await Clasp.builder(url).connect()
    for kind, value in VALUES.items():
        await client.set(f"/from/python/{kind}", value)
    client.subscribe("/from/**", lambda value, at: print(at, describe(value), flush=True))
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
