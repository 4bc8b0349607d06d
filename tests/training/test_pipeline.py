"""Pipelines on a virtual clock: the law of the bubble, memory, orders that wait for ever."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaletoolkit import laws
from scaletoolkit.training import pipeline

SCHEDULES = [pipeline.gpipe, pipeline.one_forward_one_backward]


@pytest.mark.parametrize("schedule", SCHEDULES)
@given(st.integers(1, 6), st.integers(1, 9))
def test_the_bubble_is_that_of_the_law(schedule, stages, microbatches):
    pieces = pipeline.play(schedule(stages, microbatches))
    assert pipeline.bubble(pieces) == pytest.approx(laws.pipeline_bubble(stages, microbatches))
    assert pipeline.makespan(pieces) == 3 * (microbatches + stages - 1)
    assert len(pieces) == 2 * stages * microbatches


@given(st.integers(1, 6), st.integers(1, 9))
def test_what_a_rank_remembers(stages, microbatches):
    assert {pipeline.in_flight(o) for o in pipeline.gpipe(stages, microbatches)} == {microbatches}
    for rank, order in enumerate(pipeline.one_forward_one_backward(stages, microbatches)):
        assert pipeline.in_flight(order) == min(stages - rank, microbatches)


def test_nothing_runs_before_what_it_needs_or_beside_another_on_its_rank():
    pieces = pipeline.play(pipeline.one_forward_one_backward(4, 6), [1, 2, 1, 3])
    ends = {(piece.rank, piece.operation): piece.end for piece in pieces}
    for rank, (kind, number), begin, _ in pieces:
        before = (rank - 1, ("F", number)) if kind == "F" else (rank + 1, ("B", number))
        assert begin >= ends.get(before, 0)
    for rank in range(4):
        mine = sorted((piece.begin, piece.end) for piece in pieces if piece.rank == rank)
        assert all(end <= begin for (_, end), (begin, _) in pairwise(mine))


@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 4))
def test_several_stages_a_rank_are_as_many_times_the_microbatches(ranks, groups, chunks):
    microbatches = ranks * groups
    orders = pipeline.interleaved(ranks, microbatches, chunks)
    pieces = pipeline.play(orders, 1, microbatches=microbatches)
    law = laws.pipeline_bubble(ranks, microbatches * chunks)
    assert pipeline.bubble(pieces) == pytest.approx(law)
    ends = {(piece.rank, piece.operation): piece.end for piece in pieces}
    for rank, (kind, number), begin, _ in pieces:
        if kind == "F" and rank == 0 and number >= microbatches:  # the model's next part
            assert begin >= ends[ranks - 1, ("F", number - microbatches)]


def test_one_stage_a_rank_is_1f1b_up_to_how_far_it_goes_ahead():
    assert pipeline.interleaved(1, 3, 1) == pipeline.one_forward_one_backward(1, 3)
    with pytest.raises(pipeline.PipelineError, match="5 microbatches are no multiple of 2 ranks"):
        pipeline.interleaved(2, 5, 2)


def test_operations_may_be_lists():
    assert pipeline.play([[["F", 0], ["B", 0]]])[1].operation == ("B", 0)


def test_the_slowest_stage_sets_the_pace():
    pieces = pipeline.play(pipeline.gpipe(2, 100), [1, 2])
    assert pipeline.makespan(pieces) == pytest.approx(100 * 2 * 3, rel=0.02)


def test_orders_that_wait_for_ever_are_a_sentence():
    words = "wait for ever: rank 0 for B0, rank 1 for F0"
    with pytest.raises(pipeline.PipelineError, match=words):
        pipeline.play([[("B", 0), ("F", 0)], [("F", 0), ("B", 0)]])


@pytest.mark.parametrize(
    ("orders", "words"),
    [
        ([], "a rank at least"),
        ([[]], "something to do"),
        ([[("F", 0)]], "rank 0 must do F and B of each of 1 microbatches, once"),
        ([[("F", 0), ("B", 0)], [("F", 1), ("B", 1)]], "rank 1 must do F and B"),
        ([[("F", 0), ("F", 0), ("B", 0)]], "rank 0 must do F and B"),
    ],
)
def test_orders_that_leave_work_undone_are_a_sentence(orders, words):
    with pytest.raises(pipeline.PipelineError, match=words):
        pipeline.play(orders)


def test_times_that_are_not_those_of_the_stages_are_a_sentence():
    with pytest.raises(pipeline.PipelineError, match="2 orders, and 3 times"):
        pipeline.play(pipeline.gpipe(2, 2), [1, 1, 1])


def test_more_microbatches_than_signs_are_a_sentence():
    with pytest.raises(pipeline.PipelineError, match="there is a 10"):
        pipeline.drawn(pipeline.play(pipeline.gpipe(2, 11)))


def test_a_drawing_has_a_column_for_each_unit_of_time():
    drawn = pipeline.drawn(pipeline.play(pipeline.gpipe(2, 2)))
    assert drawn == "rank 0 │01···aabb│\nrank 1 │·01aabb··│"


def test_times_that_are_no_whole_units_are_a_sentence_instead_of_a_drawing():
    pieces = pipeline.play(pipeline.gpipe(2, 2), 0.5)
    with pytest.raises(pipeline.PipelineError, match=r"whole units .* F0 of rank 0 ends at 0\.5"):
        pipeline.drawn(pieces)
