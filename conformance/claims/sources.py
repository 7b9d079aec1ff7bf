"""Where a claim can be read: the sources of Kubernetes are files of its repositories."""

from __future__ import annotations

from conformance.claims.registry import Claim

_SITE = "content/en/"
_CODE = "kubernetes/kubernetes "


def url(claim: Claim, version: str = "master") -> str:
    """The page, or the file at this tag (`v1.37.1`); empty for sources that are no page of Kubernetes."""
    path = claim.source
    if path.startswith(f"{_SITE}docs/"):
        return f"https://kubernetes.io/{path.removeprefix(_SITE).removesuffix('.md').removesuffix('/_index')}/"
    if path.startswith(f"{_SITE}examples/"):
        return f"https://k8s.io/{path.removeprefix(_SITE)}"
    return f"https://github.com/kubernetes/kubernetes/blob/{version}/{path.removeprefix(_CODE)}" if path.startswith(_CODE) else ""


def where(claim: Claim) -> str:
    """The source and the place in it, for people."""
    return f"{claim.source}, {claim.place}" if claim.place else claim.source
