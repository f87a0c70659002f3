"""Alignment and formats of plain-text tables."""

import math

from irl_inr_jax.report.text_table import format_table


def test_columns_are_aligned_and_missing_values_are_dashes():
    table = format_table(
        [
            {"method": "IRL-INR", "accuracy": "71.5 %", "epochs": 200},
            {"method": "k", "epochs": None, "ari": math.nan, "accuracy": "9.3 %"},
        ]
    )
    assert table.split("\n") == [
        "method   accuracy  epochs  ari",
        "───────  ────────  ──────  ───",
        "IRL-INR    71.5 %     200    –",
        "k           9.3 %       –    –",
    ]


def test_floats_have_two_decimals_and_signs_keep_the_right_alignment():
    assert format_table([{"x": 1.0}, {"x": -10.456}]).split("\n")[2:] == ["  1.00", "-10.46"]


def test_a_column_with_a_word_is_text():
    assert format_table([{"x": "12"}, {"x": "word"}]).split("\n")[2:] == ["12", "word"]


def test_columns_are_in_the_order_of_first_occurrence():
    assert format_table([{"b": 1}, {"a": 1, "b": 2}]).split("\n")[0] == "b  a"


def test_no_rows_give_an_empty_table():
    assert format_table([]) == ""
