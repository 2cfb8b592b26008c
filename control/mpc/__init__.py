"""Model predictive control: zones as linear models, their heat as a linear programme, and what its answer means."""
