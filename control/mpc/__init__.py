"""Model predictive control: zones as a linear model, their heat as a linear programme, and what to do with its answer."""
