"""Commands of the program `biograd` that measure and report; `biograd.commands.cli` finds them."""
