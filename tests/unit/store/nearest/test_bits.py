"""Codes compared by counting bits, against counting them one by one."""

import numpy as np

from visavis.store.nearest.bits import nearest


def test_the_nearest_rows_are_those_of_brute_force() -> None:
    random = np.random.default_rng(0)
    table = random.integers(0, 256, (300, 3 * 8), np.uint8)
    code = random.integers(0, 256, 8, np.uint8)
    each = np.unpackbits((table.reshape(300, 3, 8) ^ code), axis=2).sum(axis=2)
    found = nearest(code, table, 20)
    assert len(found.rows) >= 20
    assert len(set(found.rows.tolist())) == len(found.rows)
    assert found.differing[:20].tolist() == np.sort(each.min(axis=1))[:20].tolist()
    for row, differing, place in zip(found.rows, found.differing, found.place, strict=True):
        assert each[row, place] == differing == each[row].min()


def test_fewer_rows_than_wanted_are_all_of_them() -> None:
    table = np.arange(48, dtype=np.uint8).reshape(3, 16)
    assert sorted(nearest(table[1, :8], table, 10).rows.tolist()) == [0, 1, 2]
    assert len(nearest(table[1, :8], table[:0], 10).rows) == 0
