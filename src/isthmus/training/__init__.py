"""The loop and what surrounds it: choices, start, steps, stopping, checkpoints, callbacks, inference."""
