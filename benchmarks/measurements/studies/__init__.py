"""Studies beside the training of networks, each of seeds and minutes; see `biograd.studies`."""
