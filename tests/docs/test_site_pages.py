"""The pages that docs/site_pages.py makes from the commands, the configuration and the files of the root."""

import re

import pytest

pytest.importorskip("mkdocs")

from irl_inr_jax.commands.main import VERBS
from irl_inr_jax.config.base import get_config
from irl_inr_jax.config.storage import flatten
from tests.conftest import ROOT, load_script

pages = load_script("docs/site_pages.py")


@pytest.mark.parametrize("verb", VERBS)
def test_the_page_of_a_command_has_every_flag_of_its_help(verb):
    help_text = pages.read_help([verb])
    page = pages.write_command(verb, help_text)
    printed = re.findall(r"^  --(?:\[no\])?(\w+)$", help_text, re.MULTILINE)
    listed = re.findall(r"^\| `--(?:\[no\])?([\w-]+)` \| \S", page, re.MULTILINE)
    assert "compilation_cache" in printed
    assert [name.replace("-", "_") for name in listed] == printed
    assert page.startswith(f"# irl-inr {verb}\n") and "Flags:" not in page


def test_a_help_becomes_markdown_that_shows_the_same_text():
    help_text = (
        "Do a thing: `irl-inr do`.\n\n    irl-inr do --out DIR\n    irl-inr do -n 2\n\nWrites DIR/eval and <b>, "
        "see --num_clusters or --config.data.path=a.npy.\n\n"
        "Flags:\n  --[no]copy_all\n        copy a|b and *c*\n        always (default: false)\n"
    )
    page = pages.write_command("do", help_text)
    assert "Do a thing.\n\n```sh\nirl-inr do --out DIR\nirl-inr do -n 2\n```\n\nWrites `DIR/eval` and &lt;b&gt;" in page
    assert "see `--num_clusters` or `--config.data.path=a.npy`.\n" in page
    assert "| `--[no]copy-all` | copy a\\|b and \\*c\\* always (default: false) |" in page


def test_the_index_links_to_the_page_of_every_command():
    index = pages.write_index()
    assert all(f"]({verb}.md) | " in index for verb in VERBS)


def test_the_navigation_has_every_command():
    nav = [{"Reference": ["data.md", {"Commands": "commands/index.md"}]}]
    config = pages.on_config(type("Config", (), {"nav": nav})())
    (commands,) = [entry["Commands"] for entry in config.nav[0]["Reference"] if isinstance(entry, dict)]
    assert commands == ["commands/index.md", *({f"irl-inr {verb}": f"commands/{verb}.md"} for verb in VERBS)]


def test_every_configuration_key_is_listed_once_with_its_default():
    listed = re.findall(r"^\| `([\w.]+)` \| `(.*?)` \| \S", pages.write_keys(), re.MULTILINE)
    keys = {key.removeprefix("config."): value for key, value in flatten(get_config()).items()}
    assert sorted(name for name, _ in listed) == sorted(keys)
    shown = dict(listed)
    assert shown["train.batch_size"] == "64" and shown["data.path"] == "''" and shown["vae.theta_std"] == "0.7854"


@pytest.mark.parametrize(
    ("link", "is_from_root", "translated"),
    [
        ("[a](docs/data.md#size)", True, "[a](data.md#size)"),
        ("[a](CHANGELOG.md)", True, "[a](changelog.md)"),
        ("![a](docs/pictures/wafers.png)", True, "![a](pictures/wafers.png)"),
        ("[a](../RESULTS.md)", False, "[a](results.md)"),
        ("[a](../../RESULTS.md)", False, "[a](../results.md)"),
        ("[a](../../irl_inr_jax/commands/align.py)", False, "[a](../commands/align.md)"),
        ("[a](../irl_inr_jax/config/base.py)", False, "[a](keys.md)"),
        ("[a](../data.md#size)", False, "[a](../data.md#size)"),
        ("[a](https://example.org/RESULTS.md) [b](#size)", False, "[a](https://example.org/RESULTS.md) [b](#size)"),
    ],
)
def test_links_to_files_of_the_repository_lead_to_their_pages(link, is_from_root, translated):
    assert pages.translate_links(link, is_from_root=is_from_root) == translated


def test_the_files_that_pages_are_made_of_exist():
    assert all((ROOT / name).is_file() for name in pages.ROOT_PAGES | pages.CODE_PAGES)


def test_every_page_of_docs_is_in_the_navigation():
    nav = (ROOT / "mkdocs.yml").read_text().partition("\nnav:")[2]
    for path in [*ROOT.glob("docs/**/*.md"), *ROOT.glob("docs/**/*.ipynb")]:
        assert f": {path.relative_to(ROOT / 'docs').as_posix()}\n" in nav, path.name
