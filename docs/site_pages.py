"""Pages of the site that are not files of docs/: the commands, the configuration's keys and the root's Markdown files.

mkdocs.yml names this module as a hook, and mkdocs calls its `on_*` functions. The page of a command is the output of
`irl-inr VERB --help`, so a verb added to `VERBS` has a page and an entry of the navigation without further work.
"""

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from irl_inr_jax.commands import main as commands
from irl_inr_jax.config.base import list_keys
from irl_inr_jax.config.rules import Block, Key, Rule

ROOT = Path(__file__).resolve().parents[1]
ROOT_PAGES = {"CONTRIBUTING.md": "contributing.md", "RESULTS.md": "results.md", "CHANGELOG.md": "changelog.md"}
# Links to these files, which a reader of the plain Markdown can follow, lead to the pages made of them.
CODE_PAGES = {
    "irl_inr_jax/config/base.py": "keys.md",
    "irl_inr_jax/commands/main.py": "commands/index.md",
    **{f"irl_inr_jax/commands/{verb.replace('-', '_')}.py": f"commands/{verb}.md" for verb in commands.VERBS},
}
LINK = re.compile(r"(\]\()((?!https?:|#|mailto:)[^)\s#]+)")


class Flag(NamedTuple):
    """A flag of a command: its name with dashes, as in the help, and the help's text in one line."""

    name: str
    text: str


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Replace the page of the commands in the navigation by that page and one for each verb."""
    verbs = [{f"irl-inr {verb}": f"commands/{verb}.md"} for verb in commands.VERBS]
    for section in config.nav or []:
        for pages in section.values() if isinstance(section, dict) else ():
            for position, entry in enumerate(pages if isinstance(pages, list) else ()):
                if entry == {"Commands": "commands/index.md"}:
                    pages[position] = {"Commands": ["commands/index.md", *verbs]}
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    pages = {"commands/index.md": write_index(), "keys.md": write_keys()}
    pages |= {f"commands/{verb}.md": write_command(verb, read_help([verb])) for verb in commands.VERBS}
    pages |= {page: (ROOT / name).read_text() for name, page in ROOT_PAGES.items()}
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return the page with its links translated."""
    return translate_links(markdown, is_from_root=page.file.src_uri in ROOT_PAGES.values())


def translate_links(markdown: str, is_from_root: bool) -> str:
    """Return Markdown whose links to files outside docs/ lead to the pages made of them.

    is_from_root: the page is a file of the root, whose links to docs/... lead to the site's pages.
    """
    made = ROOT_PAGES | CODE_PAGES

    def translate(match: re.Match) -> str:
        opening, target = match.groups()
        name = target.lstrip("./")
        ups = target.removesuffix(name)
        if is_from_root:
            return opening + made.get(name, name.removeprefix("docs/"))
        return opening + (ups.removeprefix("../") + made[name] if name in made else target)

    return LINK.sub(translate, markdown)


def read_help(arguments: list[str]) -> str:
    """Return what `irl-inr ARGUMENTS --help` prints."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        status = commands.main([*arguments, "--help"])
    if status != 0:
        raise ValueError(f"expected the help of irl-inr {' '.join(arguments)}, found exit status {status}")
    return output.getvalue()


def parse_flags(help_text: str) -> tuple[str, list[Flag]]:
    """Return the text before the flags of a command's help, and the flags."""
    usage, _, listed = help_text.partition("\nFlags:\n")
    flags = []
    for paragraph in re.split(r"^(?=  --)", listed, flags=re.MULTILINE):
        name, _, text = paragraph.partition("\n")
        if name.strip():
            label = re.sub(r"(?<=\w)_(?=\w)", "-", name.strip())
            flags.append(Flag(label, " ".join(text.split())))
    return usage.strip(), flags


def escape(text: str) -> str:
    """Return text whose Markdown and HTML signs are shown as they are."""
    return re.sub(r"([\\*_<>|\[\]])", r"\\\1", text).replace("\\<", "&lt;").replace("\\>", "&gt;")


def show_paragraphs(text: str) -> str:
    """Return the Markdown of a docstring: indented lines as code blocks, and in prose what a user types.

    Flags (--name), configuration keys (config.a.b), files and folders in capitals (DIR/eval) are set as code.
    """
    blocks = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        if all(line.startswith("    ") for line in block.splitlines()):
            lines = [line[4:] for line in block.splitlines()]
            blocks.append("```sh\n" + "\n".join(lines) + "\n```")
        else:
            blocks.append("\n".join(mark_code(line) for line in block.splitlines()))
    return "\n\n".join(blocks)


def mark_code(line: str) -> str:
    """Return a line of prose with what a user types set as code, outside code that is marked already."""
    parts = line.split("`")
    named = re.compile(
        r"(?<![\w./-])(--[a-z][\w-]*(?:\.\w+)*(?:=[\w.,+-]*\w)?|(?:DIR|WORKDIR|RESULTS)(?:/[\w.]+)+|config(?:\.[a-z]\w*)+"
        r"|irl_inr_jax(?:/\w+)+|\w+/[\w/]+\.\w+|\w+\.(?:json|csv|npz|npy|png|html))(?![\w/])"
    )
    for index in range(0, len(parts), 2):
        marked, end = [], 0
        for match in named.finditer(parts[index]):
            marked += [escape(parts[index][end : match.start()]), f"`{match[0]}`"]
            end = match.end()
        parts[index] = "".join([*marked, escape(parts[index][end:])])
    return "".join(part if index % 2 == 0 else f"`{part}`" for index, part in enumerate(parts))


def write_command(verb: str, help_text: str) -> str:
    """Return the page of a verb: its description, its examples and a table of its flags."""
    usage, flags = parse_flags(help_text)
    usage = usage.replace(f": `irl-inr {verb}`.", ".", 1)  # the heading says it
    lines = [f"# irl-inr {verb}", "", show_paragraphs(usage), ""]
    if flags:
        lines += ["## Flags", "", "| flag | meaning |", "|---|---|"]
        lines += [f"| `{flag.name}` | {mark_code(flag.text)} |" for flag in flags]
    return "\n".join([*lines, ""])


def write_index() -> str:
    """Return the page of `irl-inr --help`, with a table of the verbs."""
    lines = ["# Commands", "", show_paragraphs(read_help([])), "", "| command | |", "|---|---|"]
    for verb in commands.VERBS:
        first = parse_flags(read_help([verb]))[0].partition("\n")[0]
        lines.append(f"| [`irl-inr {verb}`]({verb}.md) | {escape(re.sub(r': `[^`]*`[.]?$', '', first))} |")
    return "\n".join([*lines, "", "Dashes and underscores in the names of flags are equivalent.", ""])


def write_keys() -> str:
    """Return the page of the configuration's keys: a table for each block, from the records that define them."""
    lines = [
        "# Configuration keys",
        "",
        "A preset changes some of these values, and `--config.KEY=VALUE` any of them. A key that the data set or the",
        "method does not use is refused. `config.json` in the folder of a run holds the values of that run.",
    ]
    blocks = list_keys()
    top = {name: key for name, key in blocks.items() if isinstance(key, Key)}
    for name, block in {"": top, **{name: block for name, block in blocks.items() if name not in top}}.items():
        lines += [
            "",
            f"## {name or 'Method and seed'}",
            "",
            "| key | default | meaning | values |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| `{path}` | `{show_default(key.default)}` | {mark_code(key.doc)} | {mark_code(show_rule(key.rule))} |"
            for path, key in walk_keys(block, f"{name}." if name else "")
        ]
    return "\n".join([*lines, ""])


def walk_keys(block: Block, prefix: str) -> Iterator[tuple[str, Key]]:
    """Yield the dotted name and the record of each key of a block and of the blocks in it."""
    for name, entry in block.items():
        if isinstance(entry, Key):
            yield prefix + name, entry
        else:
            yield from walk_keys(entry, f"{prefix}{name}.")


def show_rule(rule: Rule) -> str:
    """Return the valid values in words that stand alone: "at least 0", or the choices."""
    return re.sub(r"^(of|as|among) ", "", rule.expected)


def show_default(value: object) -> str:
    """Return a default as it is typed; numbers with at most four significant digits."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return repr(value) if isinstance(value, tuple) or value == "" else str(value)
