"""What an operator's client does in the package's trial: trial.py set|get WS-URL TOKEN [VALUE].

`set` sets a param and waits until the journal has confirmed it, `get` prints it.
"""

import asyncio
import sys

from clasp import Clasp

ADDRESS = "/trial/value"


async def main(verb, url, token, value=None):
    client = await Clasp.builder(url).with_token(token).connect()
    if verb == "set":
        await client.set(ADDRESS, int(value))
    print(await client.get(ADDRESS, timeout=10))
    await client.close()


asyncio.run(main(*sys.argv[1:]))
