"""Node images for kind: made of Debian's packages and of the pinned Go modules without asking any registry, or somebody else's."""

from conformance.components.images.node import NodeImage, clean, ensure

__all__ = ["NodeImage", "clean", "ensure"]
