"""Published and usual models, run beside ours; an extra, not a dependency of the product."""
