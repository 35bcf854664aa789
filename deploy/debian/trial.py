"""What an operator's client does in the package's trial: trial.py set|get WS-URL TOKEN [VALUE].

`set` sets a param and waits until another client has seen it, `get` asks for it; both print it.
"""

import asyncio
import sys

from clasp import Clasp

ADDRESS = "/trial/value"


async def set_value(url, token, value):
    seen = asyncio.Event()
    watcher = await Clasp.builder(url).with_token(token).connect()
    watcher.subscribe(ADDRESS, lambda found, address: found == value and seen.set())
    client = await Clasp.builder(url).with_token(token).connect()
    await client.set(ADDRESS, value)
    await asyncio.wait_for(seen.wait(), 30)
    await watcher.close()
    await client.close()
    return value


async def get_value(url, token):
    client = await Clasp.builder(url).with_token(token).connect()
    value = await client.get(ADDRESS, timeout=30)
    await client.close()
    return value


verb, url, token, *value = sys.argv[1:]
if verb == "set":
    print(asyncio.run(set_value(url, token, int(value[0]))))
else:
    print(asyncio.run(get_value(url, token)))
