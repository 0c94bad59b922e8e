"""A head over a base that learns from labels which pictures belong together."""
