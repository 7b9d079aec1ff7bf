"""Where the suite's own scenarios and manifests are: beside the package in a checkout, inside it where a wheel was installed."""

from __future__ import annotations

import functools
from pathlib import Path

from conformance.errors import UsageError

_PACKAGE = Path(__file__).parent
#: What `conformance run` hands to pytest as its configuration: nothing of the folder that it is started in takes part.
CONFIGURATION = _PACKAGE / "shipped.ini"


@functools.cache
def root() -> Path:
    """The folder that holds `scenarios` and `manifests`; UsageError if neither place has them."""
    for folder in (_PACKAGE / "_shipped", _PACKAGE.parent):
        if (folder / "manifests" / "documents" / "index.yaml").is_file() and (folder / "scenarios").is_dir():
            return folder
    raise UsageError(f"The suite's scenarios and manifests are neither in {_PACKAGE} nor beside it. Install the package again.")


def scenarios() -> Path:
    """The folder of the suite's scenarios."""
    return root() / "scenarios"


def manifests() -> Path:
    """The folder of the suite's manifests."""
    return root() / "manifests"


def holds(file: Path) -> bool:
    """Whether a file is one of the suite's scenarios, and not somebody's own of the same name."""
    return file.resolve().is_relative_to(scenarios().resolve())
