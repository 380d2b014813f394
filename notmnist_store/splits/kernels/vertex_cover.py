"""A minimum weighted vertex cover of a bipartite graph, as a minimum cut.

By the theorem of König (1931) and Egerváry (1931) a cut that separates a source, joined to each
left vertex by its weight, from a sink, joined to each right vertex by its, costs what the lightest
cover weighs; the flow that gives the cut is Dinic's (1970), by scipy.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from notmnist_store.schema.arrays import Bools


def lightest_cover(
    left: npt.ArrayLike,
    right: npt.ArrayLike,
    left_weight: npt.ArrayLike,
    right_weight: npt.ArrayLike,
) -> tuple[Bools, Bools]:
    """Left and right vertices (a,) and (b,) that touch every edge and together weigh least.

    Edge i joins vertex left[i], of weight left_weight[left[i]], to vertex right[i]; no edge stands
    twice. Weights (a,) and (b,) are whole numbers over 0 that sum up to less than 2^31. Of several
    lightest covers it is the one whose left part lies in that of every other.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import breadth_first_order, maximum_flow

    heads, tails = np.asarray(left, np.int64), np.asarray(right, np.int64)
    one, other = np.asarray(left_weight, np.int64), np.asarray(right_weight, np.int64)
    source, sink = 0, len(one) + len(other) + 1
    lefts, rights = 1 + np.arange(len(one)), 1 + len(one) + np.arange(len(other))
    uncuttable = np.full(len(heads), one.sum() + other.sum() + 1)
    start = np.concatenate([np.full(len(one), source), lefts[heads], rights])
    end = np.concatenate([lefts, rights[tails], np.full(len(other), sink)])
    capacity = np.concatenate([one, uncuttable, other]).astype(np.int32)
    graph = csr_array((capacity, (start, end)), shape=(sink + 1, sink + 1))
    left_over = csr_array(graph - maximum_flow(graph, source, sink).flow)
    left_over.eliminate_zeros()
    reaching = np.zeros(sink + 1, np.bool_)  # the sink, by ways that are not used up
    back = csr_array(left_over.T)
    reaching[breadth_first_order(back, sink, return_predecessors=False)] = True
    return reaching[lefts], ~reaching[rights]
