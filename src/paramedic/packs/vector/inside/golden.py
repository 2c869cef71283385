"""Golden queries: made while all is well, asked again later."""

from collections.abc import Sequence

import numpy as np

from paramedic.packs.vector.inside import anatomy
from paramedic.packs.vector.inside.manifest import Golden

QUERIES, NEAREST = 20, 10
_NOISE = 0.3
"""How far a query stands from the vector that it was made from, in standard deviations of the vectors."""
_TOLERANCE = 1e-3


def make(index: anatomy.Index) -> tuple[Golden, ...]:
    """Queries near some vectors of the index, each with the nearest vectors by exact search."""
    if not index.ntotal:
        return ()
    some = anatomy.sample(index, QUERIES)
    # the same queries for the same index: a manifest made twice is the same manifest
    noise = np.random.default_rng(len(some)).standard_normal(some.shape).astype(np.float32)
    queries = some + noise * np.float32(_NOISE) * some.std(axis=0 if len(some) > 1 else None)
    distances, places = anatomy.exact_search(index, queries, min(NEAREST, int(index.ntotal)))
    return tuple(
        Golden(
            query=query.astype("<f4").tobytes(),
            ids=tuple(int(each) for each in row if each >= 0),
            farthest=float(far[row >= 0][-1]) if (row >= 0).any() else 0.0,
        )
        for query, row, far in zip(queries, places, distances, strict=True)
    )


def recall(index: anatomy.Index, golden: Sequence[Golden], *, grows: bool = True) -> tuple[float, int, int]:
    """The share of the expected vectors that a search finds, how many count, and how many are gone from the index.

    A vector that newer and nearer ones have pushed out of an answer counts as found, and one that the index no longer
    has does not count: an index may grow and shrink without searching worse. But what holds the same vectors in another
    form does not grow, and has other distances than the manifest: then only the expected vectors are found.
    """
    queries = np.stack([np.frombuffer(each.query, dtype="<f4") for each in golden]).astype(np.float32)
    count = max((len(each.ids) for each in golden), default=0)
    if not count:
        return 1.0, 0, 0
    distances, found = index.search(queries, count)
    known = anatomy.ids(index)
    there = None if known is None else set(known[np.isin(known, [one for each in golden for one in each.ids])].tolist())
    hits = judged = gone = 0
    is_nearer_less = anatomy.metric(index) == "l2"
    for each, row, far in zip(golden, found, distances, strict=True):
        got = {int(one) for one in row[: len(each.ids)] if one >= 0}
        last = float(far[len(got) - 1]) if got else None
        slack = _TOLERANCE * max(abs(each.farthest), 1e-6)
        is_crowded = (
            grows
            and last is not None
            and len(got) == len(each.ids)
            and (last <= each.farthest + slack if is_nearer_less else last >= each.farthest - slack)
        )
        for one in each.ids:
            if one in got or is_crowded:
                hits, judged = hits + 1, judged + 1
            elif (one < index.ntotal) if there is None else (one in there):
                judged += 1
            else:
                gone += 1
    return (hits / judged if judged else 1.0), judged, gone
