"""The hot loops of the priors."""
