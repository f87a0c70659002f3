"""Arrays and text inside a page."""

import base64
import json

import numpy as np
import pytest

from irl_inr_jax.report.html.encoding import encode_json, pack_array


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32"])
def test_an_array_is_packed_as_little_endian_numbers_in_row_order(dtype):
    values = np.arange(6, dtype=np.dtype(dtype).newbyteorder(">")).reshape(2, 3).T
    packed = pack_array(values.astype(dtype))
    found = np.frombuffer(base64.b64decode(packed["data"]), np.dtype(dtype).newbyteorder("<"))
    np.testing.assert_array_equal(found, [0, 3, 1, 4, 2, 5])
    assert packed["dtype"] == dtype and packed["shape"] == [3, 2]


def test_other_types_are_a_fault():
    with pytest.raises(TypeError, match="found float64"):
        pack_array(np.zeros(3))


def test_no_text_can_end_a_script_and_json_reads_it_back():
    content = {"</script>": ["<!--", "a & b", "\u2028\u2029", 'quote " and \\'], "n": [1, 2.5, None, True]}
    text = encode_json(content)
    assert not set("<>&\u2028\u2029") & set(text) and json.loads(text) == content


def test_numbers_that_json_has_not_and_broken_text_are_replaced():
    text = encode_json([float("nan"), np.float32("inf"), np.int64(3), "a\ud800b"])
    assert json.loads(text) == [None, None, 3, "a?b"]
