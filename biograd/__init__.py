"""BioGrad: spiking networks trained by local rules and sleep."""
