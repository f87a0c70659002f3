"""The estimator: its parameters, and whole fits against the commands."""

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from irl_inr_jax import IRLINR
from irl_inr_jax.deployment.bundle_file import save_bundle
from irl_inr_jax.types import InputError
from tests.conftest import ONE_DEVICE, ROOT
from tests.small_model import make_small_config, make_small_images, make_small_model

ATTRIBUTES = ("ids_", "labels_", "embedding_", "theta_", "tau_", "confidence_", "outlier_score_")


def run_python(code, folder):
    """Run code in another process, in `folder`; its output."""
    env = {**ONE_DEVICE, "PYTHONPATH": str(ROOT)}
    run = subprocess.run([sys.executable, "-c", code], cwd=folder, env=env, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_the_import_is_light(tmp_path):
    code = "import sys, irl_inr_jax; print({'jax', 'sklearn', 'numpy', 'absl'} & set(sys.modules))"
    assert run_python(code, tmp_path) == "set()\n"


def test_the_constructor_only_stores():
    values = {"n_clusters": -3, "clusterer": object(), "config": object(), "settings": 7, "budget": "x",
              "random_state": object(), "workdir": 4, "verbose": "no"}  # fmt: skip
    model = IRLINR(**values)
    assert model.get_params() == values and vars(model) == values


def test_parameters_are_set_and_cloned():
    model = IRLINR(n_clusters=3, settings={"train.num_epochs": 1}, config=make_small_config())
    copied = clone(model)
    assert copied is not model and repr(copied.get_params()) == repr(model.get_params())
    assert copied.config is not model.config and copied.config == model.config
    assert model.set_params(n_clusters=4, random_state=1) is model and model.n_clusters == 4
    with pytest.raises(ValueError, match="Invalid parameter 'k'"):
        model.set_params(k=3)
    assert repr(IRLINR(n_clusters=3, verbose=False)) == "IRLINR(n_clusters=3, verbose=False)"
    assert repr(IRLINR(config=make_small_config())) == "IRLINR(config=<ConfigDict>)"
    assert pickle.loads(pickle.dumps(IRLINR(5))).n_clusters == 5


def test_an_unfitted_estimator_says_so(tmp_path):
    model, images = IRLINR(), make_small_images()
    calls = [model.predict, model.transform, model.align, model.reconstruct, model.similar, model.outlier_scores]
    for call in calls:
        with pytest.raises(NotFittedError):
            call(images)
    with pytest.raises(NotFittedError):
        model.save(tmp_path / "a.irl")
    with pytest.raises(NotFittedError):
        model.plot_clusters()
    assert "not fitted" in model._repr_html_()


def test_more_clusters_than_images_are_refused_before_training(tmp_path):
    model = IRLINR(n_clusters=41, config=make_small_config(), workdir=tmp_path / "run")
    with pytest.raises(InputError, match=r"images \(40\), found 41"):
        model.fit(make_small_images())
    assert not (tmp_path / "run").exists()


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """An estimator fitted to 40 images in two epochs."""
    return IRLINR(n_clusters=3, config=make_small_config(), random_state=7, verbose=False).fit(make_small_images())


@pytest.mark.slow
def test_a_fit_describes_every_image(fitted, capsys):
    assert fitted.labels_.shape == fitted.theta_.shape == fitted.confidence_.shape == (40,)
    assert fitted.embedding_.shape[0] == 40 and fitted.tau_.shape == (40, 2) and len(set(fitted.ids_)) == 40
    assert set(fitted.labels_) <= {0, 1, 2} and fitted.n_clusters_ == 3 and fitted.outlier_score_.shape == (40,)
    assert list(fitted.clusters_) == ["kmeans", "agglomerative"]
    assert {finding["name"] for finding in fitted.verdict_} >= {"converged", "reconstruction"}
    assert "kmeans (3)" in fitted._repr_html_()
    fitted.predict(make_small_images()[0])
    assert capsys.readouterr().out == ""


@pytest.mark.slow
def test_known_images_are_predicted_and_encoded_as_in_the_fit(fitted):
    images = make_small_images()
    np.testing.assert_array_equal(fitted.transform(images), fitted.embedding_)
    np.testing.assert_array_equal(fitted.predict(images), fitted.labels_)
    np.testing.assert_array_equal(fitted.transform(images / 255), fitted.embedding_)
    assert fitted.predict(images[3]).tolist() == [fitted.labels_[3]]
    assert fitted.align(images[:2]).shape == (2, 12, 12, 1) and fitted.reconstruct(images[:2]).dtype == np.float32
    assert fitted.similar(images[3], n=4).ids[0] == fitted.ids_[3]


@pytest.mark.slow
def test_the_latents_are_those_of_the_commands_bit_for_bit(fitted, tmp_path):
    from irl_inr_jax.commands.main import main
    from irl_inr_jax.evaluation.stored import load_evaluation

    np.save(tmp_path / "images.npy", make_small_images())
    flags = ["--config", str(ROOT / "configs" / "tiny.py"), f"--config.data.path={tmp_path / 'images.npy'}"]
    keys = {"data.name": "images", "data.canvas": 0, "data.num_train": 0, "data.num_test": 0, "data.test_fraction": 0.0,
            "data.translation_px": 0.0, "train.batch_size": 16, "train.num_epochs": 2, "seed": 7}  # fmt: skip
    flags += [f"--config.{name}={value}" for name, value in keys.items()]
    assert main(["train", "--workdir", str(tmp_path / "run"), *flags]) == 0
    assert main(["evaluate", "--workdir", str(tmp_path / "run"), "--clusterers", "kmeans", "--num-clusters", "3"]) == 0
    stored = load_evaluation(tmp_path / "run")
    np.testing.assert_array_equal(stored.embeddings.latents, fitted.embedding_)
    np.testing.assert_array_equal(stored.embeddings.pose.theta, fitted.theta_)
    np.testing.assert_array_equal(stored.clusters["kmeans"], fitted.labels_)
    assert main(["save", "--workdir", str(tmp_path / "run"), "--out", str(tmp_path / "a.irl")]) == 0
    np.testing.assert_array_equal(IRLINR.load(tmp_path / "a.irl").transform(make_small_images()), fitted.embedding_)


@pytest.mark.slow
def test_a_repeated_fit_is_the_same_and_another_seed_is_not(fitted):
    again = clone(fitted).fit(make_small_images())
    other = clone(fitted).set_params(random_state=8).fit(make_small_images())
    for name in ATTRIBUTES:
        np.testing.assert_array_equal(getattr(again, name), getattr(fitted, name))
    assert not np.array_equal(other.embedding_, fitted.embedding_)


@pytest.mark.slow
def test_a_saved_model_needs_neither_the_images_nor_the_checkout(fitted, tmp_path):
    fitted.save(tmp_path / "blobs.irl")
    np.save(tmp_path / "new.npy", make_small_images()[::2])
    code = (
        "import numpy as np; from irl_inr_jax import IRLINR\n"
        "model = IRLINR.load('blobs.irl'); images = np.load('new.npy')\n"
        "np.savez('out.npz', labels=model.predict(images), latents=model.transform(images), known=model.embedding_)\n"
        "print(model.n_clusters_, len(model.ids_), model.verdict_ != [])"
    )
    (tmp_path / "elsewhere").mkdir()
    for name in ("blobs.irl", "new.npy"):
        os.rename(tmp_path / name, tmp_path / "elsewhere" / name)
    assert run_python(code, tmp_path / "elsewhere") == "3 40 True\n"
    with np.load(tmp_path / "elsewhere" / "out.npz") as found:
        np.testing.assert_array_equal(found["labels"], fitted.labels_[::2])
        # Another number of images is a batch of another size, which sums in another order.
        np.testing.assert_allclose(found["latents"], fitted.embedding_[::2], atol=1e-6)
        np.testing.assert_array_equal(found["known"], fitted.embedding_)


def test_a_file_keeps_the_clusterer_and_their_number(tmp_path):
    save_bundle(tmp_path / "a.irl", make_small_model())
    model = IRLINR.load(tmp_path / "a.irl").set_params(clusterer="agglomerative")
    model.save(tmp_path / "b.irl")
    again = IRLINR.load(tmp_path / "b.irl")
    assert again.get_params()["clusterer"] == "agglomerative" and again.n_clusters == again.model_.facts["num_clusters"]
    np.testing.assert_array_equal(again.labels_, again.model_.reference.clusters["agglomerative"])


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"config": "digits_u"}, "expected a ConfigDict or None for config, found 'digits_u'"),
        ({"settings": ["a"]}, "expected a dict such as"),
        ({"workdir": 5}, "expected a path or None for workdir, found 5"),
    ],
)
def test_parameters_of_another_type_are_refused_in_one_line(params, words):
    with pytest.raises(InputError, match=words):
        IRLINR(**params).fit(make_small_images())


@pytest.mark.slow
def test_copies_pipelines_and_joblib_keep_the_fit(fitted, tmp_path):
    images = make_small_images()
    joblib.dump(fitted, tmp_path / "model.joblib")
    for copied in (copy.deepcopy(fitted), joblib.load(tmp_path / "model.joblib")):
        np.testing.assert_array_equal(copied.predict(images), fitted.labels_)
        for name in ATTRIBUTES:
            np.testing.assert_array_equal(getattr(copied, name), getattr(fitted, name))
    pipeline = make_pipeline(clone(fitted), StandardScaler()).fit(images)
    expected = StandardScaler().fit_transform(fitted.embedding_)
    np.testing.assert_allclose(pipeline.transform(images), expected, atol=1e-5)
    labels = joblib.Parallel(n_jobs=2, prefer="threads")(
        joblib.delayed(lambda model: model.fit(images).labels_)(clone(fitted)) for _ in range(2)
    )
    assert all(np.array_equal(found, fitted.labels_) for found in labels)


@pytest.mark.slow
def test_folders_lists_and_data_sets_are_fitted_as_arrays(fitted, tmp_path):
    from PIL import Image

    from irl_inr_jax.data.assembly import assemble_dataset
    from irl_inr_jax.data.source import array_source, row_ids

    images = make_small_images()
    paths = [tmp_path / f"{row:02d}.png" for row in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    dataset = assemble_dataset(make_small_config().data, array_source("x", images, row_ids("a", 40)))
    for what in (tmp_path, [str(path) for path in paths], list(images), dataset):
        model = clone(fitted).fit(what)
        np.testing.assert_array_equal(model.embedding_, fitted.embedding_)
    assert Path(model.ids_[0]).name == "00000"


@pytest.mark.slow
def test_a_folder_continues_an_interrupted_fit(fitted, tmp_path):
    images = make_small_images()
    IRLINR(n_clusters=3, config=make_small_config(num_epochs=1), random_state=7, workdir=tmp_path, verbose=False).fit(
        images
    )
    model = clone(fitted).set_params(workdir=tmp_path).fit(images)
    assert model.model_.facts["step"] == fitted.model_.facts["step"]
    with pytest.raises(InputError, match="found others"):
        clone(fitted).set_params(workdir=tmp_path).fit(images[:30])


@pytest.mark.slow
def test_settings_are_chosen_as_irl_inr_run_chooses_them(tmp_path):
    settings = {"train.num_epochs": 1, "evaluation.clusterers": ("kmeans",)}
    model = IRLINR(settings=settings, verbose=False, clusterer="agglomerative").fit(make_small_images())
    config = model.model_.config
    assert config.train.batch_size == 8 and config.train.num_epochs == 1 and config.model.encoder.trunk == "polar"
    assert list(model.clusters_) == ["agglomerative", "kmeans"] and 1 <= model.n_clusters_ <= 20
