"""Every key there is, one commented line each, and the variants that any data set's configuration can be asked for.

A data set's file calls `get_config`, sets the few keys that differ and ends with `choose`. The configuration is locked:
a key that is not in this file is an error wherever it is written.

After a colon, joined by commas: `:small` (a run of the same kind for a CPU), `:paper` (the paper's own choices), and
one of the systems that the papers compare with: `:thesis`, `:spatial_vae`, `:target_vae`, `:simclr`, `:mlp_generator`
and `:autoencoder` (IRL-INR with another generator; the thesis' baseline is `:thesis,autoencoder`),
`:pixel_autoencoder` (what DEC starts from on bare pixels), `:orbit_knn` (learns nothing); as in
`configs/mnist_u.py:target_vae,small`.
"""

import math
from collections.abc import Callable

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    """The defaults: our recipe, sized for one GPU."""
    config = ConfigDict()
    config.method = "irl_inr"  # what learns: a name in irl_inr_jax/methods
    config.seed = 0  # of parameters, shuffling and views; not of the data

    config.data = data = ConfigDict()
    data.name = "digits_u"  # a name in irl_inr_jax/data
    data.root = "data"  # folder of the published data sets: mnist/, fashion_mnist/, wm811k/, ...: see docs/data.md
    data.path = ""  # your own images, for 'images': a folder, a pattern, a table, or a file of many images
    data.num_train = 0  # use only so many images; 0 is all
    data.num_test = 0  # the same for the test split
    data.test_fraction = 0.0  # share kept apart for testing where the publisher made no split
    data.num_classes = 0  # keep only so many classes, those with the most images; 0 is all
    data.class_images = ()  # (train, test) images of each class at most, as a split of its own; () is all
    data.exclude_classes = ()  # labels to leave out, e.g. (9,)
    data.seed = 0  # of the poses, the subsets and the split
    data.canvas = 0  # side in pixels of the images learnt from, by a border; 0 keeps the publisher's
    data.translation_px = 0.0  # standard deviation per axis of the shifts that we apply, in pixels of the canvas
    data.resize = 0  # side in pixels that the padded squares are then brought to; 0 leaves them
    data.resampling = "area"  # of that and of wafer maps: area, nearest or max
    data.same_scale = True  # one factor for all images, so that sizes compare; False makes each fill the square
    data.crop = "none"  # none, or circle: what lies outside the inscribed circle becomes background
    data.background = "auto"  # empty ground: auto (median of the borders), image (each its own, levelled) or a number
    data.invert = False  # dark becomes bright in images that are both brighter and darker than their background
    data.scaling = "auto"  # what becomes 0 and 1: type, extremes, percentiles, or auto; see docs/data.md
    data.path_column = "path"  # of a table: where the image file is
    data.label_column = "label"  # of a table: the class; a table without that column has no labels
    data.images_key = "images"  # of HDF5 and npz files: the array of images
    data.labels_key = "labels"  # of HDF5 and npz files: the array of labels, if there is one
    data.labels_path = ""  # labels of a file of many images: a .npy, .txt or .csv with one a row
    data.max_unreadable = 0.01  # share of unreadable files that are skipped and listed; more are an error
    data.memory_mb = 2000  # images of more megabytes than this stay on disk and are streamed

    config.model = model = ConfigDict()
    model.latent_dim = 16  # d, the size of z; few numbers make compact clusters
    model.dtype = "float32"  # of matmuls and convolutions: float32 or bfloat16; all else stays float32

    model.encoder = encoder = ConfigDict()
    encoder.input = "canonical"  # canonical (the image set upright by the closed form first) or raw
    encoder.trunk = "resnet18"  # resnet18 or mlp
    encoder.stage_sizes = (2, 2, 2, 2)  # residual blocks a stage
    encoder.width = 64  # features of the first stage, doubled from stage to stage
    encoder.stem = "3x3"  # 3x3, 3x3/2 (stride 2) or 7x7 (stride 2 and max-pool)
    encoder.head_widths = (512, 512)  # hidden layers of the head; all of an mlp's

    model.hypernet = hypernet = ConfigDict()
    hypernet.widths = (256, 256, 256)  # hidden layers

    model.inr = inr = ConfigDict()
    inr.widths = (256, 256, 256)  # hidden layers
    inr.activation = "relu"  # relu, leaky_relu, or sine for a SIREN without Fourier features
    inr.num_frequencies = 256  # f, rows of B
    inr.frequency_std = 2.0  # sigma of B's entries

    model.spatial = spatial = ConfigDict()  # generators of spatial_vae, target_vae, mlp_generator: (coords, z) -> value
    spatial.widths = (256, 256, 256)  # hidden layers
    spatial.activation = "leaky_relu"  # leaky_relu or tanh
    spatial.num_frequencies = 256  # random Fourier features of the coords, a cosine and a sine each; 0 for bare coords
    spatial.frequency_std = 2.0  # their standard deviation, in periods over half the image

    model.group_conv = group_conv = ConfigDict()  # the encoder of target_vae
    group_conv.num_rotations = 16  # P: turns of the filters, 4, 8 or 16
    group_conv.features = 128  # filters
    group_conv.kernel_size = 28  # side of the filters in pixels
    group_conv.padding = 8  # pixels of background around the image
    group_conv.stride = 1  # pixels between the places that are attended to

    model.pose = pose = ConfigDict()
    pose.form = "closed_form"  # closed_form, moment, centre or none: see irl_inr_jax/pose.py
    pose.translation = True  # False where images only turn: tau is then 0
    pose.blur_px = 0.0  # closed_form of noisy images: the angle is that of the blurred image's bright parts; 0 for none
    pose.reach = 0.0  # with a blur: nothing further from the middle counts, in half sides; 0 for no bound
    pose.num_turns = 32  # closed_form only: turns of arg c21 that are tried against the INR; 1 takes arg c21 as it is
    pose.num_radii = 8  # circles on which those turns are compared

    config.loss = loss = ConfigDict()
    loss.recon = 0.0  # weight of the reconstruction of a view from its own latents
    loss.cross = 1.0  # of the reconstruction of a view from the other view's latents
    loss.consistency = 0.0  # of the distance between the latents of two views
    loss.consistency_distance = "cosine"  # cosine or mse
    loss.consistency_ramp = (0.0, 0.5)  # shares of the run between which that weight grows from 0
    loss.symmetry = 0.01  # of the encoder's own pose against the centre of mass and the phase of c21
    loss.num_pixels = 0  # random pixels of each image that the reconstructions are compared on; 0 is all
    loss.num_copies = 3  # M, turned copies in the thesis' consistency loss
    loss.views = "pair"  # autoencoder: pair (IRL-INR's two views) or copies (the thesis' image and M turned copies)

    config.vae = vae = ConfigDict()  # spatial_vae and target_vae
    vae.kl = 1.0  # weight of the KL divergences in the ELBO
    vae.theta_std = math.pi / 4  # of Spatial-VAE's prior N(0, std^2) of the angle; TARGET-VAE's is pi / P a rotation
    vae.tau_std = 0.1  # of the prior N(0, std^2) of the place per axis, in half sides
    vae.temperature = 1.0  # of the Gumbel-softmax over TARGET-VAE's rotations and places

    config.simclr = simclr = ConfigDict()
    simclr.augment = "s1+r+t"  # of both views, as in clustering.scan.augment, strengths in clustering.augment
    simclr.temperature = 0.1  # of the cosine similarities
    simclr.projection_widths = (512, 128)  # layers of the head that the loss sees and that is then dropped

    config.views = views = ConfigDict()
    views.translation_px = 0.0  # standard deviation per axis of the shift of the second view
    views.interpolation = "bilinear"  # bilinear or nearest
    views.fill = 0.0  # value outside the image

    config.train = train = ConfigDict()
    train.num_epochs = 200  # passes over the training images
    train.batch_size = 128  # images a step, over all devices
    train.optimizer = "adamw"  # adam (weight decay added to the gradient) or adamw (decoupled)
    train.learning_rate = 1e-3  # the highest
    train.weight_decay = 0.0  # times the parameters
    train.b1 = 0.9  # Adam's decay of the first moment
    train.b2 = 0.99  # Adam's decay of the second moment
    train.schedule = "cosine"  # constant or cosine (to 1 % of the highest)
    train.warmup_steps = 100  # steps of linear growth from 0; 0 for none
    train.clip_norm = 1.0  # largest norm of the gradient; 0 for no bound
    train.log_every = 50  # steps between lines in metrics.jsonl
    train.save_every_epochs = 10  # epochs between checkpoints
    train.picture_every_epochs = 10  # epochs between pictures; 0 for none
    train.keep_checkpoints = 2  # how many of the newest stay on disk

    config.evaluation = evaluation = ConfigDict()
    evaluation.batch_size = 256  # images encoded at once
    evaluation.num_clusters = 0  # k; 0 takes the number of classes, or 10 without labels
    evaluation.shift_px = 0.0  # standard deviation per axis of the shifts in the measure of invariance, in pixels
    evaluation.upsample_side = 512  # side in pixels of the large rendering in the figures
    evaluation.max_clusters = 20  # the largest k that --num-clusters auto tries
    add_clustering(config)
    return config.lock()


def add_clustering(config: ConfigDict) -> None:
    """`config.clustering`: the settings of the clusterers that have any. They have no part in training."""
    config.clustering = clustering = ConfigDict()
    clustering.vote_neighbours = 10  # fitted images that vote on an image where an algorithm has no rule of its own
    clustering.outlier_neighbours = 20  # neighbours to whose density an image's own is compared in the outlier score

    clustering.dbscan = dbscan = ConfigDict()
    dbscan.eps = 0.0  # largest distance between neighbours; 0 takes the one whose number of clusters is nearest k
    dbscan.min_samples = 10  # images within eps that make one a core image

    clustering.hdbscan = hdbscan = ConfigDict()
    hdbscan.min_cluster_size = 0  # images that make a cluster; 0 is 1 % of them, at least 5
    hdbscan.min_samples = 10  # neighbours that the density at an image is taken over

    clustering.gmm = gmm = ConfigDict()
    gmm.covariance = "full"  # full, tied, diag or spherical

    clustering.spectral = spectral = ConfigDict()
    spectral.num_neighbours = 15  # of the graph whose Laplacian is taken

    clustering.diffusion = diffusion = ConfigDict()
    diffusion.num_neighbours = 15  # of the graph
    diffusion.num_dims = 30  # of the diffusion map that k-means runs on; at least k are taken
    diffusion.num_steps = 10  # of the random walk

    clustering.umap = umap = ConfigDict()
    umap.num_neighbours = 15  # of the graph that is laid out
    umap.num_dims = 5  # of the layout that k-means runs on

    clustering.orbit_knn = orbit_knn = ConfigDict()
    orbit_knn.num_angles = 48  # turns that are compared, and points on each circle
    orbit_knn.num_radii = 20  # circles
    orbit_knn.num_neighbours = 15  # of the graph on which images diffuse
    orbit_knn.num_dims = 30  # diffusion coordinates that k-means runs on; at least k are taken
    orbit_knn.num_steps = 10  # of the random walk on the graph; more see less of its detail

    clustering.dec = dec = ConfigDict()
    dec.alpha = 1.0  # degrees of freedom of Student's t distribution; the thesis takes 0.0001
    dec.num_epochs = 100  # at most
    dec.batch_size = 256  # images a step
    dec.learning_rate = 1e-4  # of Adam
    dec.tolerance = 0.001  # stop when a smaller share of the images changes its cluster in an epoch

    clustering.iic = iic = ConfigDict()
    iic.num_epochs = 50  # passes over the fitted images
    iic.batch_size = 512  # images a step; the joint distribution of clusters is estimated from them
    iic.learning_rate = 1e-4  # of Adam
    iic.head_start = "kmeans"  # kmeans or random
    iic.num_heads = 5  # of which the one with the lowest training loss is taken
    iic.augment = "s1+r+t"  # as in scan.augment

    clustering.scan = scan = ConfigDict()
    scan.num_neighbours = 20  # mined for each image
    scan.distance = "euclidean"  # between latents: euclidean or cosine
    scan.head_start = "kmeans"  # kmeans or random
    scan.num_heads = 1  # of which the one with the lowest training loss is taken
    scan.prior = ()  # expected shares of the clusters, any order, as numbers that need not add to 1; () is uniform
    scan.entropy_weight = 5.0  # lambda, of what draws the sizes of the clusters to the prior
    scan.num_epochs = 50  # clustering stage: passes over the fitted images
    scan.batch_size = 128  # images, each with a neighbour, a step
    scan.learning_rate = 1e-4  # of Adam
    scan.weight_decay = 1e-4  # of Adam, added to the gradient, in both stages
    scan.selflabel_epochs = 200  # self-label stage: passes at most; 0 leaves it out
    scan.selflabel_batch_size = 1000  # images a step
    scan.selflabel_learning_rate = 1e-5  # of Adam
    scan.selflabel_threshold = 0.9  # confidence from which an image teaches
    scan.average_decay = 0.0  # of the moving average of the weights in the self-label stage; 0 for none
    scan.augment = "r+t"  # joined by +: s1 (crop, flip, colour, blur), s2 (RandAugment, cutout), r, t; or none

    clustering.augment = augment = ConfigDict()
    augment.crop_area = (0.6, 1.0)  # s1: share of the image that is kept, between these
    augment.flip = False  # s1: mirror every other image; a mirrored digit is another thing, a mirrored wafer is not
    augment.jitter = 0.4  # s1: strength of the changes of brightness, contrast and saturation
    augment.blur_px = 1.0  # s1: largest standard deviation of the blur
    augment.num_ops = 4  # s2: operations out of RandAugment's 14
    augment.cutout_px = 16  # s2: largest side of the hole
    augment.translation = 0.07  # t: largest shift per axis, as a share of the side


def apply_paper(config: ConfigDict) -> None:
    """The paper's own choices as its authors ran them: Table 5, Appendix A and section 4.1."""
    config.model.latent_dim = 512
    config.model.encoder.update(
        input="raw", trunk="resnet18", stage_sizes=(2, 2, 2, 2), width=64, stem="3x3", head_widths=(512, 512)
    )
    config.model.hypernet.widths = (256, 256, 256)
    config.model.inr.update(widths=(256, 256, 256), activation="relu", num_frequencies=256, frequency_std=2.0)
    config.model.pose.form = "centre"
    config.loss.update(recon=1.0, cross=0.0, consistency=1.0, consistency_ramp=(0.0, 0.0), symmetry=15.0, num_pixels=0)
    config.views.update(interpolation="nearest", translation_px=config.data.translation_px)
    config.train.update(
        num_epochs=200,
        batch_size=128,
        optimizer="adam",
        learning_rate=1e-4,
        weight_decay=5e-4,
        b1=0.5,
        b2=0.999,
        schedule="constant",
        warmup_steps=0,
        clip_norm=0.0,
    )
    config.clustering.scan.update(augment="s1+s2+r+t", head_start="random")
    config.clustering.augment.crop_area = (0.2, 1.0)


def apply_quick_clustering(config: ConfigDict, *, num_epochs: int) -> None:
    """Clusterers that train, in `num_epochs` at ten times the authors' learning rates: for few images and CPUs."""
    config.clustering.scan.update(num_epochs=num_epochs, learning_rate=1e-3, selflabel_epochs=20)
    config.clustering.iic.update(num_epochs=num_epochs, learning_rate=1e-3)
    config.clustering.dec.num_epochs = 2 * num_epochs


def apply_thesis(config: ConfigDict) -> None:
    """The thesis' method and hyper-parameters (its section 4)."""
    apply_paper(config)
    config.method = "thesis"
    config.model.latent_dim = 32
    config.model.encoder.update(trunk="mlp", head_widths=(128, 128, 128, 128))
    config.model.hypernet.widths = (128, 128, 256)
    config.model.inr.update(widths=(128, 128), num_frequencies=128)
    config.loss.update(consistency_distance="mse", num_copies=3)
    config.train.weight_decay = 1e-5
    config.clustering.dec.alpha = 1e-4

    config.loss.views = "copies"


def apply_spatial_vae(config: ConfigDict) -> None:
    """Spatial-VAE (Bepler et al., 2019) as its authors ran it on turned and shifted MNIST."""
    config.method = "spatial_vae"
    config.model.latent_dim = 2
    config.model.encoder.update(input="raw", trunk="mlp", head_widths=(500, 500))
    config.model.spatial.update(widths=(500, 500), activation="tanh", num_frequencies=0)
    _apply_vae_training(config, learning_rate=1e-4, num_epochs=100)


def apply_target_vae(config: ConfigDict) -> None:
    """TARGET-VAE (Nasiri, Bepler, 2022) with P16 and d = 32, as the paper compares with it."""
    config.method = "target_vae"
    config.model.latent_dim = 32
    config.model.encoder.input = "raw"
    # The authors divide the coords by 0.2 radians; as many features as their 1,024 cosines of random phase.
    config.model.spatial.update(
        widths=(512, 512), activation="leaky_relu", num_frequencies=512, frequency_std=1 / (2 * math.pi * 0.2)
    )
    _apply_vae_training(config, learning_rate=2e-4, num_epochs=500)


def _apply_vae_training(config: ConfigDict, *, learning_rate: float, num_epochs: int) -> None:
    config.train.update(
        num_epochs=num_epochs,
        batch_size=100,
        optimizer="adam",
        learning_rate=learning_rate,
        weight_decay=0.0,
        b1=0.9,
        b2=0.999,
        schedule="constant",
        warmup_steps=0,
        clip_norm=0.0,
    )


def apply_simclr(config: ConfigDict) -> None:
    """SimCLR (Chen et al., 2020) as the pretext of SCAN, with turns and shifts (Appendix C, Table 6)."""
    config.method = "simclr"
    config.model.latent_dim = 512
    config.model.encoder.update(input="raw", trunk="resnet18", head_widths=())
    config.train.update(num_epochs=500, batch_size=512, weight_decay=1e-4)
    config.clustering.scan.update(augment="s1+s2+r+t", distance="cosine")


def apply_mlp_generator(config: ConfigDict) -> None:
    """IRL-INR with one MLP of coords and z in the place of hypernetwork and INR (section 4.5)."""
    config.method = "mlp_generator"


def apply_autoencoder(config: ConfigDict) -> None:
    """IRL-INR, or with `:thesis` the thesis' method, with a decoder of pixels whose output is turned (section 4.5)."""
    config.method = "autoencoder"


def apply_pixel_autoencoder(config: ConfigDict) -> None:
    """The autoencoder of pixels that DEC (Xie et al., 2016) starts from: d-500-500-2000-10, blind to no pose."""
    config.method = "autoencoder"
    config.model.latent_dim = 10
    config.model.encoder.update(input="raw", trunk="mlp", head_widths=(500, 500, 2000))
    config.model.pose.form = "none"
    config.loss.update(recon=1.0, cross=0.0, consistency=0.0, symmetry=0.0, views="pair")
    config.clustering.dec.alpha = 1.0


def apply_narrow_rivals(config: ConfigDict) -> None:
    """The networks that only IRL-INR's rivals have, for CPUs; and our optimiser, as theirs want many more steps."""
    config.model.spatial.update(
        widths=tuple(min(width, 128) for width in config.model.spatial.widths),
        num_frequencies=min(config.model.spatial.num_frequencies, 64),
    )
    config.model.group_conv.update(features=16, padding=7, stride=3)
    if config.method in ("spatial_vae", "target_vae", "simclr"):
        config.train.update(
            batch_size=128, optimizer="adamw", learning_rate=1e-3, b2=0.99, schedule="cosine", warmup_steps=100
        )


def apply_orbit_knn(config: ConfigDict) -> None:
    """The baseline without training; `train.py` then only sets up the run."""
    config.method = "orbit_knn"
    config.train.num_epochs = 0


VARIANTS: dict[str, Callable[[ConfigDict], None]] = {
    "paper": apply_paper,
    "thesis": apply_thesis,
    "spatial_vae": apply_spatial_vae,
    "target_vae": apply_target_vae,
    "simclr": apply_simclr,
    "mlp_generator": apply_mlp_generator,
    "autoencoder": apply_autoencoder,
    "pixel_autoencoder": apply_pixel_autoencoder,
}


def choose(config: ConfigDict, variants: str, **presets: Callable[[ConfigDict], None]) -> ConfigDict:
    """`config` after the comma-separated `variants`, in the order of `VARIANTS`, the file's own `presets`, orbit_knn.

    A preset called as one of `VARIANTS` takes its place.

    Raises ValueError for a variant that is in neither, naming those that are.
    """
    known = VARIANTS | presets | {"orbit_knn": apply_orbit_knn}
    chosen = [name for name in variants.split(",") if name]
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise ValueError(f"expected variants among {sorted(known)} after the colon, found {unknown[0]!r}")
    for name in sorted(chosen, key=list(known).index):
        known[name](config)
    return config
