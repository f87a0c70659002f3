"""Test that the variants have the values of the publications."""

from irl_inr_jax.config.storage import ADDED_KEYS, flatten
from irl_inr_jax.presets import mnist_u, rotated_mnist


def test_paper_has_the_values_of_the_paper():
    """Test against Table 5, Appendix A and section 4.1, for MNIST(U)."""
    config = mnist_u.get_config("paper")
    assert (config.loss.recon, config.loss.consistency, config.loss.symmetry, config.loss.cross) == (1, 1, 15, 0)
    assert (config.model.latent_dim, config.model.pose.form, config.model.encoder.input) == (512, "centre", "raw")
    assert config.model.encoder.trunk == "resnet18" and tuple(config.model.encoder.head_widths) == (512, 512)
    assert (config.model.encoder.width, config.model.encoder.stem) == (64, "3x3")
    assert tuple(config.model.hypernet.widths) == (256, 256, 256) == tuple(config.model.inr.widths)
    assert (config.model.inr.num_frequencies, config.model.inr.frequency_std) == (256, 2.0)
    train = config.train
    assert (train.learning_rate, train.batch_size, train.weight_decay, train.num_epochs) == (1e-4, 128, 5e-4, 200)
    assert (train.b1, train.b2, train.schedule, train.optimizer) == (0.5, 0.999, "constant", "adam")
    assert (config.data.canvas, config.data.translation_px, config.views.translation_px) == (50, 5.0, 5.0)
    assert config.views.interpolation == "nearest"


def test_the_published_methods_start_pad_and_cluster_as_their_authors_did():
    for variants in ("paper", "thesis", "simclr", "spatial_vae", "target_vae", "paper,mlp_generator"):
        config = mnist_u.get_config(variants)
        scan = config.clustering.scan
        assert config.model.initial_weights == "uniform", variants
        assert (scan.batch_norm, scan.distance, scan.head_start) == ("train", "cosine", "uniform"), variants
        assert scan.include_anchor and not scan.standardise, variants
    for variants in ("paper", "simclr"):
        assert mnist_u.get_config(variants).model.encoder.padding == "symmetric"
    config = mnist_u.get_config("paper")
    assert (config.model.encoder.num_calls, config.loss.symmetry_views) == (2, 1)
    for variants in ("paper", "thesis", "spatial_vae", "target_vae"):
        assert mnist_u.get_config(variants).loss.num_pixels == 0, variants
    config = mnist_u.get_config("target_vae")
    assert (config.model.spatial.frequency_std, config.vae.angle_mean) == (0, "number")
    assert not config.model.group_conv.disc


def test_our_recipe_has_the_values_of_earlier_runs():
    changed = {"wafers.averaged_rings", "loss.neighbour_scale"}
    for variants in ("", "small", "cpu", "mlp_generator"):
        ours = flatten(mnist_u.get_config(variants))
        assert {key for key, value in ADDED_KEYS.items() if ours[key] != value} <= changed, variants


def test_thesis_has_the_values_of_the_thesis():
    """Test against its section 4, for rotated MNIST."""
    config = rotated_mnist.get_config("thesis")
    assert (config.loss.recon, config.loss.consistency, config.loss.symmetry) == (1, 1, 15)
    assert config.loss.num_copies == 3 and config.loss.consistency_distance == "mse"
    assert config.model.encoder.trunk == "mlp" and tuple(config.model.encoder.head_widths) == (128,) * 4
    assert tuple(config.model.hypernet.widths) == (128, 128, 256) and tuple(config.model.inr.widths) == (128, 128)
    assert (config.model.latent_dim, config.model.inr.num_frequencies, config.train.weight_decay) == (32, 128, 1e-5)
    assert tuple(config.data.exclude_classes) == (9,) and not config.model.pose.translation


def test_pixel_autoencoder_is_the_initial_encoder_of_dec():
    """Test against Xie et al. (2016), section 4.3: d-500-500-2000-10, the reconstruction alone."""
    config = mnist_u.get_config("pixel_autoencoder")
    assert tuple(config.model.encoder.head_widths) == (500, 500, 2000) and config.model.latent_dim == 10
    assert config.model.encoder.trunk == "mlp" and config.clustering.dec.alpha == 1
    assert (config.loss.recon, config.loss.cross, config.loss.consistency, config.loss.symmetry) == (1, 0, 0, 0)


def test_the_thesis_baseline_differs_from_the_thesis_in_its_generator_alone():
    ours, baseline = (
        flatten(rotated_mnist.get_config("thesis")),
        flatten(rotated_mnist.get_config("thesis,autoencoder")),
    )
    assert [key for key in ours if ours[key] != baseline[key]] == ["method"]


def test_the_neighbours_of_published_pretexts_are_mined_on_their_latents():
    for variants in ("paper", "thesis", "simclr", "simclr,small"):
        assert mnist_u.get_config(variants).clustering.scan.neighbours == "latents", variants
    assert mnist_u.get_config("simclr").clustering.scan.distance == "cosine"
