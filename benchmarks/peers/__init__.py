"""Peers of BioGrad: the same networks by backpropagation, and in other libraries."""
