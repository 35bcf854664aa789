import asyncio, os
from clasp import Clasp

async def main():
    client = await Clasp.builder(os.environ.get("CLASP_URL", "ws://localhost:7330")).connect()
    client.subscribe("/lights/**", lambda value, address: print(address, value, flush=True))
    await client.set("/lights/kitchen", 0.5)
    await asyncio.Event().wait()

asyncio.run(main())
