"""Networks of other libraries' tutorials: by their own recipes, and by BioGrad."""
