"""Every key there is, one commented line each.

A data set's file calls `get_config`, sets the few keys that differ and ends with `choose` of irl_inr_jax/config/variants.py, where
the variants are. The configuration is locked: a key that is not in this file is an error wherever it is written.
"""

import math

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
    encoder.num_calls = 1  # irl_inr: 1, both views in one call; 2, one by one, each with its own batch norm statistics
    encoder.head_widths = (512, 512)  # hidden layers of the head; all of an mlp's

    model.hypernet = hypernet = ConfigDict()
    hypernet.widths = (256, 256, 256)  # hidden layers
    hypernet.num_shards = 1  # devices that share its last layer and what the optimiser keeps of it

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
    pose.num_rotations = 32  # closed_form only: turns of arg c21 that are tried against the INR; 1 takes arg c21 as it is
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
    simclr.augment = "s1+r+t"  # of both views, as in clustering.scan.augment, strengths in augment
    simclr.temperature = 0.1  # of the cosine similarities
    simclr.projection_widths = (512, 128)  # layers of the head that the loss sees and that is then dropped

    config.augment = augment = ConfigDict()
    augment.crop_area = (0.6, 1.0)  # s1: share of the image that is kept, between these
    augment.flip = False  # s1: mirror every other image; a mirrored digit is another thing, a mirrored wafer is not
    augment.jitter = 0.4  # s1: strength of the changes of brightness, contrast and saturation
    augment.blur_px = 1.0  # s1: largest standard deviation of the blur
    augment.num_ops = 4  # s2: operations out of RandAugment's 14
    augment.cutout_px = 16  # s2: largest side of the hole
    augment.translation = 0.07  # t: largest shift per axis, as a share of the side

    config.orbits = orbits = ConfigDict()  # polar images: the method orbit_knn, and neighbours under all rotations
    orbits.num_angles = 48  # rotations that are compared, and points on each circle
    orbits.num_radii = 20  # circles

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

    config.speed = speed = ConfigDict()  # how a step is computed; what it computes stays the same: docs/performance.md
    speed.convolutions = "auto"  # direct (XLA's own), matmul (products of matrices, for CPUs) or auto
    speed.steps_per_call = 0  # steps in one compiled call; 0: log_every, but on a CPU at most 10, or 1 of wide networks
    speed.remat = "none"  # computed again in the backward pass, for less memory: none, inr, or all (the encoder too)

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
