"""Show the fields that a docstring documents as a list: a Griffe extension for mkdocstrings.

Docstrings document parameters and fields in sentences, "images: (b, h, w, c) float32. labels: (b,), or None.". On the
page each of them is an item of a list. A name counts as documented if it is a parameter of the function or an
attribute of the class; every other text stays as it is. Underlined sections in scikit-learn's form, such as
Parameters, become lists too.
"""

import re
from typing import Any

import griffe

SECTION = re.compile(r"^(\w+)\n-{3,}\n", re.MULTILINE)
ENTRY = re.compile(r"\w+ : ")


class DocstringFields(griffe.Extension):
    """Rewrites the docstrings of functions and classes; mkdocstrings loads it by the path of this file."""

    def on_function(self, *, func: griffe.Function, **kwargs: Any) -> None:
        """List the documented parameters."""
        _rewrite(func, {parameter.name.lstrip("*") for parameter in func.parameters})

    def on_class_members(self, *, cls: griffe.Class, **kwargs: Any) -> None:
        """List the documented attributes and the parameters of the constructor."""
        names = {name for name, member in cls.members.items() if member.is_attribute}
        init = cls.members.get("__init__")
        if isinstance(init, griffe.Function):
            names |= {parameter.name for parameter in init.parameters}
        _rewrite(cls, names)


def _rewrite(documented: griffe.Object, names: set[str]) -> None:
    if documented.docstring is not None:
        head, *sections = SECTION.split(documented.docstring.value)
        text = list_fields(head, names)
        for title, body in zip(sections[::2], sections[1::2], strict=True):
            text += f"\n\n**{title}**\n\n{list_section(body)}"
        documented.docstring.value = text


def list_section(body: str) -> str:
    """Return a section as a Markdown list; each entry is "name : type" with an indented text, or "name : text".

    Attributes of scikit-learn's form, whose names end with an underscore, may follow each other in a line.
    """
    entries: list[list[str]] = []
    for line in body.strip("\n").splitlines():
        if ENTRY.match(line):
            entries.append([line])
        elif entries and line.strip():
            entries[-1].append(line)
    items = []
    for first, *more in entries:
        is_typed = bool(more) and more[0].startswith("    ")
        name, _, kind = first.partition(" : ")
        text = " ".join(line.strip() for line in more)
        if is_typed:
            items.append(f"- `{name}` ({kind}): {text}")
            continue
        for part in re.split(r"(?<=\.) (?=\w+_ : )", f"{first} {text}".strip()):
            name, _, described = part.partition(" : ")
            items.append(f"- `{name}`: {described}")
    return "\n".join(items)


def list_fields(text: str, names: set[str]) -> str:
    """Return a docstring in which every documented name of `names` starts an item of a Markdown list.

    A field starts a line or follows the end of a sentence: "name: ...", "one, other: ..." or "name(x) -> ...".
    """
    if not names:
        return text
    name = f"(?:{'|'.join(sorted(map(re.escape, names), key=len, reverse=True))})"
    start = re.compile(rf"(?:(?<=^)|(?<=[.;] ))({name}(?:, {name})*)(?:(: )|(\([\w, ]*\) -> ))")
    paragraphs = re.split(r"\n\s*\n", text)
    return "\n\n".join(_list_paragraph(paragraph, start) for paragraph in paragraphs)


def _list_paragraph(paragraph: str, start: re.Pattern) -> str:
    lines = paragraph.split("\n")
    joined = lines[0]
    for line in lines[1:]:  # a field at the start of a line begins an item, whatever ends the line before
        joined += ("\n" if start.match(line) else " ") + line.strip()
    items: list[str] = []
    for line in joined.split("\n"):
        matches = list(start.finditer(line))
        ends = [*(match.start() for match in matches), len(line)]
        if line[: ends[0]].strip():
            items.append(line[: ends[0]].strip())
        for match, end in zip(matches, ends[1:], strict=True):
            label = ", ".join(f"`{name}`" for name in match[1].split(", "))
            label = label if match[2] else f"`{match[1]}{match[3].removesuffix(' -> ')}` →"
            items.append(f"- {label}{':' if match[2] else ''} {line[match.end() : end].strip()}")
    is_list = any(item.startswith("- `") for item in items)
    if not is_list:
        return paragraph
    text = ""
    for item in items:
        separator = "\n" if item.startswith("- ") and text.rpartition("\n")[2].startswith("- ") else "\n\n"
        text += (separator if text else "") + item
    return text
