"""Docstrings of the package become lists of fields in docs/docstring_fields.py."""

import pytest

pytest.importorskip("griffe")

from tests.conftest import load_script

fields = load_script("docs/docstring_fields.py")
list_fields = fields.list_fields


def test_fields_at_the_start_of_a_line_or_a_sentence_become_items():
    text = (
        "One split.\n\nimages: (N, h, w) as stored;\n    see scaling: it maps pixels.\nids: (N,). pose: true, or None."
    )
    assert list_fields(text, {"images", "ids", "pose"}) == (
        "One split.\n\n- `images`: (N, h, w) as stored; see scaling: it maps pixels.\n- `ids`: (N,).\n"
        "- `pose`: true, or None."
    )


def test_text_before_the_first_field_stays_a_paragraph_and_functions_keep_their_arguments():
    text = "A method.\n\nIt is pure. init(key, images) -> (params, state)\nloss, recon: scalars, none."
    assert list_fields(text, {"init", "loss", "recon"}) == (
        "A method.\n\nIt is pure.\n\n- `init(key, images)` → (params, state)\n- `loss`, `recon`: scalars, none."
    )


@pytest.mark.parametrize("names", [set(), {"width"}])
def test_other_text_is_unchanged(names):
    text = "Return the height: its unit is pixels.\n\n    irl-inr run DIR\n\nRaises InputError: never."
    assert list_fields(text, names) == text


def test_sections_in_the_form_of_scikit_learn_become_lists():
    body = "size : int or None\n    Number of things.\n    None: all.\nseed : int\n    Of it.\n\nAfter `load` nothing."
    assert fields.list_section(body).splitlines()[:2] == [
        "- `size` (int or None): Number of things. None: all.",
        "- `seed` (int): Of it. After `load` nothing.",
    ]
    attributes = "labels_ : (n,) clusters. ids_ : the\nids.\nn_clusters_ : number."
    assert fields.list_section(attributes).splitlines() == [
        "- `labels_`: (n,) clusters.",
        "- `ids_`: the ids.",
        "- `n_clusters_`: number.",
    ]
