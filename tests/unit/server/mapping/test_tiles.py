"""Tiles of the map: how many are kept, and how many are made at once."""

import asyncio

import pytest

from visavis.server.mapping.tiles import Tiles
from visavis.server.refusals import BusyError


def test_the_last_that_were_asked_for_are_kept_within_the_room() -> None:
    tiles = Tiles(at_once=1, room=10)
    tiles.keep("a", 0, b"1234")
    tiles.keep("a", 1, b"5678")
    assert tiles.kept("a", 0) == b"1234"
    tiles.keep("a", 2, b"90ab")
    assert tiles.kept("a", 1) is None  # the one that nobody asked for longest
    assert tiles.kept("a", 0) == b"1234"
    tiles.keep("a", 0, b"12345")  # again, and larger
    assert (tiles.kept("a", 0), tiles.kept("a", 2)) == (b"12345", b"90ab")
    tiles.keep("b", 0, b"0123456789+")  # larger than all room
    assert tiles.kept("b", 0) is None
    assert tiles.kept("b", 1) is None


def test_few_are_made_at_once_and_many_more_are_refused() -> None:
    async def story() -> None:
        tiles = Tiles(at_once=2)
        gate = asyncio.Event()
        making = most = 0

        async def make() -> None:
            nonlocal making, most
            async with tiles.turn():
                making += 1
                most = max(most, making)
                await gate.wait()
                making -= 1

        asked = [asyncio.create_task(make()) for _ in range(66)]
        await asyncio.sleep(0.01)
        with pytest.raises(BusyError) as refused:
            await make()
        assert refused.value.headers["Retry-After"] == "1"
        asked[5].cancel()  # who leaves makes room
        await asyncio.sleep(0)
        asked.append(asyncio.create_task(make()))
        gate.set()
        await asyncio.wait(asked)
        assert most == 2
        assert [task.cancelled() for task in asked].count(True) == 1

    asyncio.run(story())
