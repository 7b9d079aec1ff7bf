"""The clusters of this user that stand: what `conformance ps` shows, and which of them `conformance down` ends."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from conformance.clusters.embedded import runs as embedded
from conformance.clusters.kind import owners as kind
from conformance.clusters.outliving import Outliving
from conformance.components.engine.docker import Docker
from conformance.errors import ConformanceError, UsageError


def there(runs: Path) -> list[Outliving]:
    """All of them, those of test runs among them."""
    return [*embedded.here(runs), *kind.here(runs)]


def described(runs: Path) -> list[str]:
    """A paragraph for each: what it is, who started it, when, from where, and what is wrong with it."""
    return [line for one in there(runs) for line in _described(one)]


def chosen(runs: Path, names: Sequence[str], *, everything: bool) -> list[Outliving]:
    """The clusters to end: those of these names, the only one, or all. Those of test runs are never among them.

    UsageError for a name that is not there, and without names where there are several.
    """
    up = {one.name: one for one in there(runs) if one.state is not None}
    listed = "".join(f"\n  {line}" for one in up.values() for line in _described(one)) or " There is none."
    if unknown := [name for name in names if name not in up]:
        raise UsageError(f"No cluster called {', '.join(unknown)} is up. What is:{listed}")
    if names:
        return [up[name] for name in dict.fromkeys(names)]
    if len(up) > 1 and not everything:
        raise UsageError(f"{len(up)} clusters are up, and somebody may still use them. Name those to end, or say --all:{listed}")
    return list(up.values())


def down(one: Outliving) -> str:
    """End one; returns why it lives still, if it does."""
    if _is_kind(one):
        try:
            kind.down(Docker(), one)
        except ConformanceError as error:
            return str(error)
        return ""
    if embedded.down(one):
        return ""
    pid = one.state.pid if one.state is not None else 0
    return (
        f"process {pid} is not its supervisor, and somebody holds {one.run}; look for `supervisor.py {one.run}` in `ps aux`, and end that"
    )


def _is_kind(one: Outliving) -> bool:
    return one.run.name.startswith(kind.PREFIX)


def _described(one: Outliving) -> list[str]:
    made = f"started {one.maker.at or 'at an unknown time'} by {one.maker.user} in {one.maker.folder}: {one.maker.command}"
    if one.state is None:
        return [f"{one.name}  {'kind' if _is_kind(one) else 'embedded'}, in use by process {one.maker.pid}; {made}"]
    wrong = _wrong_with_kind(one) if _is_kind(one) else embedded.ended(one.run)
    kubeconfig = f"kubectl --kubeconfig {one.state.kubeconfig}"
    return [f"{one.name}  Kubernetes {one.state.kubernetes}; {made}", *(f"  {what}" for what in wrong or [kubeconfig])]


def _wrong_with_kind(one: Outliving) -> list[str]:
    try:
        running = kind.running(Docker(), one.run)
    except ConformanceError as error:
        return [f"Docker cannot be asked for its containers: {error}"]
    return [] if running else ["its containers do not all run; `conformance down` removes them"]
