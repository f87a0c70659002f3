"""The four IDX files of a published data set, downloaded by tensorflow-datasets, which verifies their checksums.

tensorflow-datasets is imported only for a download: its import takes half a second, and reading does not need it.
"""

import logging
import shutil
import socket
import tempfile
import threading
import urllib.parse
import urllib.request
from pathlib import Path

from irl_inr_jax.types import InputError

logger = logging.getLogger(__name__)

FILE_NAMES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}


def get_idx_files(folder: Path, base_url: str) -> dict[str, Path]:
    """Return the path in `folder` of each key of FILE_NAMES, after downloading missing files.

    Raises InputError within seconds if they cannot be downloaded, naming the files and the folder.
    """
    paths = {key: find_idx_file(folder, name) for key, name in FILE_NAMES.items()}
    missing = [f"{FILE_NAMES[key]}.gz" for key, path in paths.items() if path is None]
    if missing:
        download_files(folder, [base_url + name for name in missing])
        paths = {key: find_idx_file(folder, name) for key, name in FILE_NAMES.items()}
    return {key: path for key, path in paths.items() if path is not None}


def find_idx_file(folder: Path, name: str) -> Path | None:
    """Return the file `name` in `folder`, with or without .gz, spelled '-idx' or '.idx'; None if there is none."""
    names = (name, name.replace("-idx", ".idx"))
    candidates = [folder / f"{spelling}{suffix}" for spelling in names for suffix in ("", ".gz")]
    return next((path for path in candidates if path.is_file()), None)


def download_files(folder: Path, urls: list[str]) -> None:
    """Download `urls` to `folder`; a file appears there only when it is complete and its checksum is verified.

    Raises InputError if the host cannot be reached or a download fails.
    """
    names = ", ".join(url.rsplit("/", 1)[1] for url in urls)
    remedy = f"put {names} there, or set config.data.root to the folder that contains {folder.name}/"
    host, port = connection_address(urls[0])
    if not can_connect(host, port, timeout=3.0):
        raise InputError(
            f"config.data.root: expected {names} in {folder} or a connection to {host}, found neither; {remedy}"
        )

    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download import checksums

    sizes = checksums.get_all_url_infos()
    megabytes = sum(sizes[url].size for url in urls) / 1e6
    logger.info("Downloading %s (%.1f MB) from %s to %s", names, megabytes, urls[0].rsplit("/", 1)[0], folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=folder) as temporary:
            manager = tfds.download.DownloadManager(download_dir=temporary, force_checksums_validation=True)
            for url, path in zip(urls, manager.download(urls), strict=True):
                shutil.move(path, folder / url.rsplit("/", 1)[1])
    # tensorflow-datasets does not convert the errors of its HTTP library, its checksums and the file system.
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]
        raise InputError(
            f"config.data.root: expected to download {names} to {folder}, found {reason}; {remedy}"
        ) from None


def connection_address(url: str) -> tuple[str, int]:
    """Return the host and port to which a download of `url` connects: the server's, or the configured proxy's."""
    parts = urllib.parse.urlsplit(url)
    proxy = urllib.request.getproxies().get(parts.scheme)
    if proxy and not urllib.request.proxy_bypass(parts.hostname or ""):
        parts = urllib.parse.urlsplit(proxy if "//" in proxy else f"//{proxy}")
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def can_connect(host: str, port: int, *, timeout: float) -> bool:
    """Return True if a TCP connection opens within `timeout` seconds, including the name look-up."""
    opened = threading.Event()

    def connect():
        try:
            socket.create_connection((host, port), timeout=timeout).close()
            opened.set()
        except OSError:
            pass

    # A name look-up cannot be interrupted; a daemon thread can be abandoned.
    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(timeout)
    return opened.is_set()
