"""A pytest plugin (`-p quick_display`): a log hears so often where the run stands that a test need not wait for it."""

from __future__ import annotations

from conformance.session import display

display.Log.interval = 0.1
display.Terminal.interval = 0.1
