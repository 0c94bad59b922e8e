"""Networks and parts of networks that trainings put together."""
