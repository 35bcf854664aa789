"""Events, streams, gestures and timelines: passed on, never stored, never echoed."""

from support import listen

MOVES = 50


async def test_an_event_reaches_subscribers_but_not_its_sender(client_of):
    sender, other = await client_of(), await client_of()
    own = await listen(sender, "/cue/**")
    inbox = await listen(other, "/cue/**")

    await sender.emit("/cue/go", {"bar": 4})
    await sender.set("/cue/end", True)

    assert await inbox.until("/cue/end") == [("/cue/go", {"bar": 4})]
    assert await own.until("/cue/end") == []


async def test_an_event_is_not_kept_for_late_joiners(client_of):
    sender = await client_of()
    own = await listen(sender, "/cue/**")
    await sender.emit("/cue/go", "now")
    await sender.set("/cue/end", True)
    await own.next()

    inbox = await listen(await client_of(), "/cue/**")

    assert inbox.pending() == [("/cue/end", True)]


async def test_a_stream_arrives_in_order(client_of):
    reader, sender = await client_of(), await client_of()
    inbox = await listen(reader, "/fader/*")
    levels = [n / 20 for n in range(1, 21)]

    for level in levels:
        await sender.stream("/fader/1", level)

    for level in levels:
        assert await inbox.next() == ("/fader/1", level)


async def test_a_gesture_of_three_phases_is_three_deliveries(client_of):
    reader, sender = await client_of(), await client_of()
    inbox = await listen(reader, "/pad/**")

    for phase in ("start", "move", "end"):
        await sender.gesture("/pad/touch", 7, phase, {"is": phase})
    await sender.emit("/pad/done", True)

    heard = [value["is"] for _, value in await inbox.until("/pad/done")]
    assert heard == ["start", "move", "end"]


async def test_the_final_move_of_a_gesture_arrives_before_its_end(client_of):
    reader, sender = await client_of(), await client_of()
    inbox = await listen(reader, "/pad/**")

    await sender.gesture("/pad/touch", 7, "start", {"x": 0})
    for x in range(1, MOVES + 1):
        await sender.gesture("/pad/touch", 7, "move", {"x": x})
    await sender.gesture("/pad/touch", 7, "end", {"x": "end"})
    await sender.emit("/pad/done", True)

    heard = [value["x"] for _, value in await inbox.until("/pad/done")]
    assert heard[0] == 0
    assert heard[-2:] == [MOVES, "end"]


async def test_a_timeline_arrives(client_of):
    reader, sender = await client_of(), await client_of()
    inbox = await listen(reader, "/show/*")

    await sender.timeline("/show/fade", [{"time": 0, "value": 0.0}, {"time": 10**6, "value": 1.0}])

    assert (await inbox.next())[0] == "/show/fade"
