"""Parts of `Synthesizer`."""
