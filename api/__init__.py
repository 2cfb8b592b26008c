"""The REST API over the stores, the predictions and the commands."""
