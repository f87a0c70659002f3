"""Downloads use a fake manager and connections only this machine: no test needs a network."""

import socket
import threading
import time
from types import SimpleNamespace

import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import checksums

from irl_inr_jax.data.datasets import download
from irl_inr_jax.data.datasets.download import FILE_NAMES, can_connect, connection_address, find_idx_file, get_idx_files
from irl_inr_jax.data.datasets.idx_sets import FASHION_MNIST_URL, MNIST_URL
from irl_inr_jax.types import InputError


@pytest.fixture
def fake_network(monkeypatch):
    """Fake download manager: each URL has its name as content. `urls` records them, `error` is raised if set."""
    state = SimpleNamespace(urls=[], error=None)

    class Manager:
        def __init__(self, *, download_dir, force_checksums_validation):
            assert force_checksums_validation
            self.folder = download.Path(download_dir)

        def download(self, urls):
            state.urls += urls
            paths = [self.folder / f"cached{number}" for number in range(len(urls))]
            for path, url in zip(paths, urls, strict=True):
                path.write_text(url.rsplit("/", 1)[1])
                if state.error:
                    raise state.error
            return paths

    monkeypatch.setattr(download, "can_connect", lambda host, port, timeout: True)
    monkeypatch.setattr(tfds.download, "DownloadManager", Manager)
    return state


@pytest.mark.parametrize("base_url", [MNIST_URL, FASHION_MNIST_URL])
def test_every_file_has_a_registered_checksum(base_url):
    known = checksums.get_all_url_infos()
    assert all(len(known[f"{base_url}{name}.gz"].checksum) == 64 for name in FILE_NAMES.values())


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "train-images.idx3-ubyte"])
def test_published_spellings_are_found(tmp_path, name, suffix):
    (tmp_path / f"{name}{suffix}").touch()
    assert find_idx_file(tmp_path, "train-images-idx3-ubyte") == tmp_path / f"{name}{suffix}"
    assert find_idx_file(tmp_path, "train-labels-idx1-ubyte") is None


def test_existing_files_need_no_network(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "can_connect", lambda *_, **__: pytest.fail("used the network"))
    for name in FILE_NAMES.values():
        (tmp_path / name).touch()
    assert get_idx_files(tmp_path, MNIST_URL) == {key: tmp_path / name for key, name in FILE_NAMES.items()}


def test_error_without_a_network_names_the_files_and_the_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "can_connect", lambda host, port, timeout: False)
    folder = tmp_path / "mnist"
    with pytest.raises(InputError) as caught:
        get_idx_files(folder, MNIST_URL)
    message = str(caught.value)
    assert "config.data.root" in message and str(folder) in message and "storage.googleapis.com" in message
    assert all(f"{name}.gz" in message for name in FILE_NAMES.values()) and "\n" not in message
    assert not folder.exists()


def test_only_missing_files_are_downloaded_and_announced(tmp_path, fake_network, log):
    folder = tmp_path / "mnist"
    folder.mkdir()
    (folder / "train-images-idx3-ubyte").write_text("mine")
    paths = get_idx_files(folder, MNIST_URL)
    assert len(fake_network.urls) == 3 and paths["train_images"].read_text() == "mine"
    assert paths["test_labels"].read_text() == "t10k-labels-idx1-ubyte.gz"
    assert {path.name for path in folder.iterdir()} == {path.name for path in paths.values()}
    (line,) = log.messages
    assert "t10k-images-idx3-ubyte.gz" in line and "1.7 MB" in line and str(folder) in line


@pytest.mark.parametrize("error", [OSError("connection\nreset"), tfds.download.DownloadError("404"), ValueError("sum")])
def test_failed_download_leaves_no_files(tmp_path, fake_network, error):
    fake_network.error = error
    with pytest.raises(InputError, match=type(error).__name__) as caught:
        get_idx_files(tmp_path / "mnist", MNIST_URL)
    assert "\n" not in str(caught.value) and "put train-images" in str(caught.value)
    assert list((tmp_path / "mnist").iterdir()) == []


def test_can_connect_distinguishes_open_and_closed_ports():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert can_connect("127.0.0.1", port, timeout=3.0)
    assert not can_connect("127.0.0.1", port, timeout=3.0)


def test_can_connect_does_not_wait_for_a_slow_name_server(monkeypatch):
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: released.wait(20) and [])
    start = time.monotonic()
    assert not can_connect("example.invalid", 443, timeout=0.2)
    assert time.monotonic() - start < 10.0
    released.set()


def test_connection_address_is_that_of_the_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert connection_address(MNIST_URL) == ("storage.googleapis.com", 443)
    assert connection_address(FASHION_MNIST_URL)[1] == 80
    for proxy in ("http://proxy.fab:3128", "proxy.fab:3128"):
        monkeypatch.setenv("https_proxy", proxy)
        assert connection_address(MNIST_URL) == ("proxy.fab", 3128)
    monkeypatch.setenv("no_proxy", "googleapis.com")
    assert connection_address(MNIST_URL) == ("storage.googleapis.com", 443)
