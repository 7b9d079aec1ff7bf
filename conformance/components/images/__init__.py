"""Node images for kind, made of Debian's packages and of the pinned Go modules: no registry is asked for anything."""

from conformance.components.images.node import NodeImage, clean, ensure

__all__ = ["NodeImage", "clean", "ensure"]
