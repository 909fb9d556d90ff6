"""Races against snnTorch and SpikingJelly, each with our neuron and as their tutorials teach."""
