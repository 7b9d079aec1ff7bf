"""Reading: YAML that others wrote, as nodes that know their lines, with bounds on what a file may cost, and a paragraph for each misfit.

The parser's own messages quote the text, which may hold a secret; here only its problem and the line are told.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

from conformance.errors import UsageError

#: Bytes of one input, and nodes of one document with its aliases written out. The largest releases of network plugins have half a MiB.
MOST = 8 << 20
MOST_NODES = 500_000

#: libyaml's loader where PyYAML was built with it: ten times faster, and it ends at a nesting of a thousand.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_READ = {f"{_TAG}{name}" for name in ("null", "bool", "int", "float")}
_TEMPLATE = re.compile(rb"\{\{|__[A-Z][A-Z0-9_]*__")
RENDER = "Render it first: `helm template NAME CHART | conformance check -`, or `kustomize build DIR | conformance check -`."


def documents(data: bytes, source: str, *, most: int = MOST, most_nodes: int = MOST_NODES) -> Iterator[yaml.MappingNode]:
    """The documents of a YAML (or JSON) text as nodes, those of a List one by one; empty ones are left out.

    `source` names the text in messages.
    """
    if len(data) > most:
        raise UsageError(f"{source} holds more than {most >> 20} MiB; so much is not read. Pass only what belongs to the DaemonSet.")
    try:
        text = data.decode("utf-8-sig")
        for node in list(yaml.compose_all(text, Loader=LOADER)):
            if not isinstance(node, yaml.ScalarNode) or node.tag != f"{_TAG}null":
                _bounded(node, source, most_nodes)
                yield from _objects(node, source)
    except UnicodeDecodeError as error:
        raise UsageError(f"{source} is no text in UTF-8 (byte {error.start}), so it is no YAML: pass the manifest itself.") from error
    except RecursionError as error:
        raise UsageError(f"{source} nests deeper than any manifest does: pass the manifest itself.") from error
    except yaml.YAMLError as error:
        raise UsageError(_misread(data, source, error)) from error


def _misread(data: bytes, source: str, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    line = f" in line {mark.line + 1}" if mark else ""
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
    if _TEMPLATE.search(data):
        return f"{source} is a template that was not rendered ({problem}{line}). {RENDER}"
    return f"{source} is not valid YAML: {problem}{line}. Mend it there."


def _objects(node: yaml.Node, source: str) -> Iterator[yaml.MappingNode]:
    line = line_of(node)
    if not isinstance(node, yaml.MappingNode):
        raise UsageError(
            f"{source} holds in line {line} a document that is no object of Kubernetes: each has apiVersion, kind and metadata."
        )
    here = {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}
    kind = here.get("kind")
    if not isinstance(kind, yaml.ScalarNode) or not isinstance(here.get("apiVersion"), yaml.ScalarNode):
        raise UsageError(f"{source} holds in line {line} a document without apiVersion and kind: add both, or leave the document out.")
    items = here.get("items")
    if not kind.value.endswith("List") or not isinstance(items, yaml.SequenceNode):
        yield node
        return
    for item in items.value:
        if isinstance(item, yaml.MappingNode) and kind.value != "List":
            _inherit(item, here["apiVersion"], kind)
        yield from _objects(item, source)


def _inherit(item: yaml.MappingNode, api_version: yaml.Node, kind: yaml.ScalarNode) -> None:
    """An item of a typed list as the API returns it has neither apiVersion nor kind: both are those of the list."""
    named = {key.value for key, _ in item.value if isinstance(key, yaml.ScalarNode)}
    for name, value in (("apiVersion", api_version), ("kind", yaml.ScalarNode(f"{_TAG}str", kind.value.removesuffix("List")))):
        if name not in named:
            item.value.append((yaml.ScalarNode(f"{_TAG}str", name, item.start_mark, item.end_mark), value))


def line_of(node: yaml.Node) -> int:
    """The line of a node, from 1."""
    return node.start_mark.line + 1 if node.start_mark else 1


def _parts(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        yield from itertools.chain.from_iterable(node.value)
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _bounded(node: yaml.Node, source: str, most: int) -> None:
    """UsageError for aliases that stand for more than a manifest can hold, or for themselves."""
    sizes: dict[int, int] = {}
    open_: set[int] = set()

    def size(node: yaml.Node) -> int:
        key = id(node)
        if key in open_:
            raise UsageError(f"{source} has in line {line_of(node)} an alias that holds itself; write out what it stands for.")
        if key not in sizes:
            open_.add(key)
            sizes[key] = 1 + sum(size(part) for part in _parts(node))
            open_.discard(key)
        return sizes[key]

    if (number := size(node)) > most:
        raise UsageError(
            f"{source} holds in line {line_of(node)} a document that its aliases blow up to {number:.0e} values;"
            f" {most} are read. Write out what is meant."
        )


def plain(node: yaml.Node, source: str) -> Any:
    """What a node says, as JSON has it: keys are text, dates stay text, merge keys are merged, what is null is left out of objects."""
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, source)
    if isinstance(node, yaml.SequenceNode):
        return [plain(item, source) for item in node.value]
    assert isinstance(node, yaml.MappingNode)
    merged: dict[str, Any] = {}
    own: dict[str, Any] = {}
    seen: dict[str, int] = {}
    for key, value in node.value:
        if key.tag == f"{_TAG}merge":
            for each in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                merged = {**_mapping(each, source), **merged}
            continue
        name = _key(key, source)
        if name in seen:
            raise UsageError(f"{source} has the key {name} in line {seen[name]} and again in line {line_of(key)}: leave one of them out.")
        seen[name] = line_of(key)
        own[name] = plain(value, source)
    return {name: value for name, value in {**merged, **own}.items() if value is not None}


def _mapping(node: yaml.Node, source: str) -> dict[str, Any]:
    value = plain(node, source)
    if not isinstance(value, dict):
        raise UsageError(f"{source} merges in line {line_of(node)} what is no mapping: name the anchor of one after `<<:`.")
    return value


def _key(node: yaml.Node, source: str) -> str:
    if isinstance(node, yaml.ScalarNode):
        return str(node.value)
    if isinstance(node, yaml.MappingNode):
        raise UsageError(
            f"{source} has in line {line_of(node)} a mapping as a key, which is how a template reads that was not rendered. {RENDER}"
        )
    raise UsageError(
        f"{source} has in line {line_of(node)} a list as a key, which no object of Kubernetes has: quote it, if text was meant."
    )


def _scalar(node: yaml.ScalarNode, source: str) -> Any:
    if node.tag not in _READ:
        return str(node.value)
    try:
        return SafeConstructor().construct_object(node)
    except (ValueError, yaml.YAMLError) as error:
        raise UsageError(
            f"{source} has in line {line_of(node)} a value that is no {node.tag.removeprefix(_TAG)}: quote it, if text was meant."
        ) from error


Path = tuple[str | int, ...]


def spelled(path: Path) -> str:
    """A path as people write it: `spec.template.spec.containers[0].ports`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def line_at(node: yaml.Node, path: Path) -> int:
    """The line of what a path leads to, or of the nearest that is there."""
    line = line_of(node)
    for step in path:
        found = _step(node, step)
        if found is None:
            break
        node, line = found
    return line


def _step(node: yaml.Node, step: str | int) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], line_of(node.value[step])
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == step:
                return value, line_of(key)
    return None
