from deployments.status import waste

GIB = 2**30


def totals(preserved, recompute=0.0):
    return {"preserved": preserved * GIB, "recompute": recompute * GIB}


def test_since_the_start_engines_add_up(engine, server):
    status = server(
        engine("a", uptime_s=100.0, waste_byte_seconds=totals(200.0, 50.0)),
        engine("b", uptime_s=10.0, waste_byte_seconds=totals(10.0)),
    )
    rates = waste.since_start(status)
    assert rates == {"preserved": 3.0 * GIB, "recompute": 0.5 * GIB}


def test_between_two_looks_only_what_was_added_counts(engine, server):
    before = server(engine("a", uptime_s=100.0, waste_byte_seconds=totals(200.0)))
    after = server(engine("a", uptime_s=104.0, waste_byte_seconds=totals(206.0)))
    assert waste.between(before, after)["preserved"] == 1.5 * GIB


def test_an_engine_that_is_new_or_has_started_anew_counts_from_its_start(engine, server):
    before = server(engine("a", uptime_s=100.0, waste_byte_seconds=totals(200.0)))
    after = server(
        engine("a", uptime_s=2.0, waste_byte_seconds=totals(4.0)),
        engine("b", uptime_s=4.0, waste_byte_seconds=totals(4.0)),
    )
    assert waste.between(before, after)["preserved"] == 3.0 * GIB


def test_no_time_no_rate(engine, server):
    assert waste.since_start(server(engine(uptime_s=0.0)))["preserved"] == 0.0
