"""The work of the commands, one module per command; imported once its flags are parsed."""
