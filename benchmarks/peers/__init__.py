"""What BioGrad is compared with: backpropagation and other libraries."""
