"""Test the documentation against the repository: links, figures, files, commands, flags, keys and imports it names."""

import ast
import importlib
import importlib.util
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from irl_inr_jax.config import base

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "irl_inr_jax"
MAX_PICTURE_BYTES = 300_000
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FILE = re.compile(r"`(?!runs/|[^`]*NAME)((?:[\w.-]+/)+[\w.-]+\.(?:py|md|toml|yaml|svg))(?:: ?(\w+))?[^`]*`")
FOLDER = re.compile(r"`((?:irl_inr_jax|tests|docs|configs|papers|benchmarks)/(?:\w+/)*)`")
PRESET = re.compile(r"\b(?:configs/(\w+)\.py(?::([\w,]+))?|--config[ =](\w+)(?::([\w,]+))?(?![\w./:]))")
FENCE = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?:irl-inr|python -m|python \w+\.py|make) .*")
FLAG = re.compile(r"(?<![\w-])--([a-z][\w-]*)((?:\.\w+)*)")


def headings(page):
    """The anchors of the headings of a Markdown page, as GitHub forms them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ +(.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def local_links(page):
    return [target for target in LINK.findall(page.read_text()) if "://" not in target]


def named_presets(page):
    for match in PRESET.finditer(page.read_text()):
        file, file_variants, name, name_variants = match.groups()
        yield file or name, file_variants or name_variants or ""


def named_commands(page):
    """The commands of code blocks and code spans, each on one line."""
    text = page.read_text().replace("\\\n", " ")
    lines = [line for block in FENCE.findall(text) for line in block.splitlines()]
    lines += re.findall(r"^ {4}(.*)$", text, re.MULTILINE)
    lines += re.findall(r"`([^`\n]+)`", text)
    return [line.removeprefix("$ ") for line in lines if COMMAND.fullmatch(line.removeprefix("$ "))]


def defined_flags():
    """The names of all flags that the commands and scripts define, with absl or argparse."""
    names = {"help", "config"}
    for folder in (PACKAGE, ROOT / "papers", ROOT / "benchmarks", ROOT):
        for path in folder.glob("**/*.py" if folder != ROOT else "*.py"):
            source = path.read_text()
            names.update(re.findall(r"DEFINE_\w+\(\s*\"(\w+)\"", source))
            names.update(name.replace("-", "_") for name in re.findall(r"add_argument\(\s*\"--([\w-]+)\"", source))
    return names


def config_keys(config, prefix=""):
    for key, value in config.items():
        yield prefix + key
        if hasattr(value, "items"):
            yield from config_keys(value, f"{prefix}{key}.")


KEYS = set(config_keys(base.get_config()))
FLAGS = defined_flags()


@every_page
def test_links_lead_to_existing_files_and_headings(page):
    for target in local_links(page):
        path, _, anchor = target.partition("#")
        linked = page.parent / unquote(path) if path else page
        assert linked.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in headings(linked), f"{page.name} links to {target}"


def test_pages_have_figures_that_load_quickly():
    assert any(target.endswith(".png") for target in local_links(ROOT / "README.md"))
    for guide in ROOT.glob("docs/guides/*.md"):
        assert any(target.endswith(".png") for target in local_links(guide)), guide.name
    for picture in ROOT.glob("docs/pictures/**/*.*"):
        assert picture.stat().st_size < MAX_PICTURE_BYTES, picture.name


def test_every_figure_of_the_guides_is_shown():
    shown = {(guide.parent / target).resolve() for guide in PAGES for target in local_links(guide)}
    assert {path.resolve() for path in ROOT.glob("docs/pictures/guides/*")} <= shown


def test_pages_and_notebooks_name_no_folder_of_the_machine_that_they_were_written_on():
    for path in [*PAGES, *ROOT.glob("docs/**/*.ipynb"), *ROOT.glob("docs/**/*.py")]:
        found = re.search(r"(?<![\w.~])/(?:work|tmp|home|root|Users|mnt)/[\w.]+", path.read_text())
        assert not found, f"{path.name} names {found[0]}"


@every_page
def test_files_named_in_code_spans_exist_and_define_what_is_named_with_them(page):
    text = page.read_text()
    for name, definition in FILE.findall(text):
        found = [folder / name for folder in (ROOT, PACKAGE, page.parent) if (folder / name).is_file()]
        assert found, f"{page.name} names {name}"
        if definition and name.endswith(".py"):
            assert re.search(rf"\b{definition}\b", found[0].read_text()), f"{page.name} names {name}: {definition}"
    for name in FOLDER.findall(text):
        assert (ROOT / name).is_dir(), f"{page.name} names {name}"


@every_page
def test_named_presets_and_their_variants_can_be_configured(page):
    for preset, variants in set(named_presets(page)):
        assert (ROOT / "configs" / f"{preset}.py").is_file(), f"{page.name} names the preset {preset}"
        importlib.import_module(f"irl_inr_jax.presets.{preset}").get_config(variants)


@every_page
def test_commands_name_existing_verbs_modules_scripts_and_targets(page):
    from irl_inr_jax.commands.main import VERBS

    for command in named_commands(page):
        match command.split():
            case ["irl-inr", verb, *_]:
                assert verb in VERBS, f"{page.name}: {command}"
            case ["python", "-m", module, *_] if module.partition(".")[0] in ("papers", "benchmarks", "irl_inr_jax"):
                assert importlib.util.find_spec(module), f"{page.name}: {command}"
            case ["python", script, *_] if script.endswith(".py"):
                assert (ROOT / script).is_file(), f"{page.name}: {command}"
            case ["make", target, *_] if target.isalpha() or "-" in target:
                assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE), command


@every_page
def test_flags_of_commands_are_defined(page):
    for command in named_commands(page):
        if command.startswith(
            ("irl-inr", "python -m papers", "python -m benchmarks", "python train", "python evaluate")
        ):
            for name, key in FLAG.findall(command):
                assert name.replace("-", "_").removeprefix("no") in FLAGS | {"data"}, f"{page.name}: {command}"
                full = key[1:] if name == "config" else name + key
                assert not key or full in KEYS, f"{page.name} names the key {full}"


@every_page
def test_named_configuration_keys_exist(page):
    for key in re.findall(r"(?<![\w.])(?<!\w-)config\.([a-z_]\w*(?:\.[a-z_]\w*)*)(?![\w*])", page.read_text()):
        if key not in ("json", "py"):
            assert key in KEYS, f"{page.name} names config.{key}"


@every_page
def test_imports_of_python_examples_resolve(page):
    for example in re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        for node in ast.walk(ast.parse(example)):
            if isinstance(node, ast.ImportFrom):
                module = importlib.import_module(node.module)
                for alias in node.names:
                    is_module = (
                        importlib.util.find_spec(f"{node.module}.{alias.name}") if hasattr(module, "__path__") else None
                    )
                    assert hasattr(module, alias.name) or is_module, f"{page.name} imports {alias.name}"
