"""Exchange of networks with other tools: NIR files and snnTorch models."""
