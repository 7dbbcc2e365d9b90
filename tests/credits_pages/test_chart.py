"""The picture of a balance: its lines stand where its numbers are."""

from __future__ import annotations

from decimal import Decimal

import pytest

from credits.statement.chart import Chart, draw


def labels(chart: Chart) -> list[str]:
    return [tick.label for tick in chart.ticks]


def drawn(*balances: str) -> Chart:
    return draw([Decimal(balance) for balance in balances])


def test_the_line_goes_from_left_to_right_and_up_with_the_balance() -> None:
    chart = drawn("0", "50", "100")
    assert chart.line == "0.00,160.00 300.00,80.00 600.00,0.00"
    assert chart.area == "M0,160.00 L0.00,160.00 L300.00,80.00 L600.00,0.00 L600.00,160.00 Z"


@pytest.mark.parametrize(
    ("balances", "expected"),
    [
        (("0", "0"), ["1", "0.75", "0.5", "0.25", "0"]),
        (("0", "100"), ["100", "75", "50", "25", "0"]),
        (("9990", "10010"), ["15,000", "10,000", "5,000", "0"]),
        (("-30", "70"), ["75", "50", "25", "0", "−25", "−50"]),
        (("-5", "-1"), ["0", "−2", "−4", "−6"]),
        (("0.000001", "0"), ["0.000001", "0.00000075", "0.0000005", "0.00000025", "0"]),
        (("999999999999999999.999999", "0"), ["1,000,000 T", "750,000 T", "500,000 T", "250,000 T", "0"]),
        (("2500000", "0"), ["3 M", "2 M", "1 M", "0"]),
    ],
)
def test_levels_are_round_and_reach_around_every_balance(
    balances: tuple[str, ...], expected: list[str]
) -> None:
    chart = drawn(*balances)
    assert labels(chart) == expected
    gaps = {
        round(float(below.y) - float(above.y), 1)
        for above, below in zip(chart.ticks, chart.ticks[1:], strict=False)
    }
    assert len(gaps) <= 2  # even, but for the rounding of a hundredth
    assert all(0 <= float(point.split(",")[1]) <= 160 for point in chart.line.split())
