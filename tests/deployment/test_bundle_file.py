"""The file of a model: everything comes back, and damage is refused."""

import io
import json
import zipfile

import jax
import numpy as np
import pytest

from irl_inr_jax.deployment.bundle_file import MEMBERS, load_bundle, pack_bundle, save_bundle, unpack_bundle
from irl_inr_jax.types import InputError
from tests.small_model import make_small_images, make_small_model


@pytest.fixture(scope="module")
def packed():
    return pack_bundle(make_small_model())


def repack(packed, name, change):
    """The file with one member changed."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(packed)) as before, zipfile.ZipFile(stream, "w") as after:
        for member in MEMBERS:
            content = before.read(member)
            after.writestr(member, change(content) if member == name else content)
    return stream.getvalue()


def test_everything_comes_back(packed):
    before, after = make_small_model(), unpack_bundle(packed, place="x")
    assert after.config == before.config and after.version == before.version and after.digest == before.digest
    assert after.cluster_names == before.cluster_names and after.verdict == before.verdict
    assert after.facts == before.facts and after.clusterers == ["kmeans", "agglomerative"]
    assert after.input_rule._replace(fit=None) == before.input_rule._replace(fit=None)
    assert after.input_rule.fit.background.tolist() == before.input_rule.fit.background.tolist()
    assert after.reference.ids.tolist() == before.reference.ids.tolist()
    for name in ("reference", "held_out", "classifiers", "numbers"):
        ours, theirs = (jax.tree.leaves(getattr(bundle, name)) for bundle in (after, before))
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one, other)
            assert np.asarray(one).dtype == np.asarray(other).dtype and np.shape(one) == np.shape(other)
    np.testing.assert_array_equal(after.trained.encode(make_small_images()[..., None])[0], before.reference.latents)
    assert pack_bundle(after) == packed


def test_the_file_appears_whole_or_not_at_all(tmp_path, packed):
    save_bundle(tmp_path / "new" / "a.irl", make_small_model())
    assert (tmp_path / "new" / "a.irl").read_bytes() == packed
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.irl"]
    assert load_bundle(tmp_path / "new" / "a.irl").digest == make_small_model().digest
    with pytest.raises(InputError, match=r"ending in \.irl for the model, .*choose a\.irl"):
        save_bundle(tmp_path / "a.pkl", make_small_model())
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="writable"):
        save_bundle(tmp_path / "file" / "a.irl", make_small_model())


def test_damage_anywhere_is_one_input_error(packed):
    rng = np.random.default_rng(0)
    contents = [b"", b"PK", packed[:-30], packed[: len(packed) // 2]]
    for place in rng.integers(0, len(packed), 12):
        changed = bytearray(packed)
        changed[place] ^= 0x55
        contents.append(bytes(changed))
    for name in MEMBERS:
        contents += [repack(packed, name, lambda _: b""), repack(packed, name, lambda content: content[::-1])]
    for content in contents:
        try:
            after = unpack_bundle(content, place="wafers.irl")
        except InputError as error:
            assert "expected" in str(error) and "wafers.irl" in str(error) and "\n" not in str(error)
        else:  # a byte that has no meaning, such as a date of the zip
            assert after.digest == make_small_model().digest


def test_another_digest_and_a_newer_format_are_refused(packed):
    def change(**entries):
        return repack(packed, "model.json", lambda content: json.dumps({**json.loads(content), **entries}).encode())

    for entries in ({"digest": "0"}, {"verdict": []}, {"ids": ["a"] * 40}):
        with pytest.raises(InputError, match="another digest"):
            unpack_bundle(change(**entries), place="x")
    with pytest.raises(InputError, match=r"format 3 of irl-inr-jax .*update"):
        unpack_bundle(change(format_version=3), place="x")
    with pytest.raises(InputError, match=r"found format 1, .*write it again with irl-inr save"):
        unpack_bundle(change(format_version=1), place="x")


def test_a_missing_file_says_how_to_write_one(tmp_path):
    with pytest.raises(InputError, match="irl-inr save"):
        load_bundle(tmp_path / "none.irl")
