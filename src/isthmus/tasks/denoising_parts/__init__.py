"""The parts of `Denoiser`: kinds of noise, its level, blind spots, and the networks for pictures, signals and rows."""
