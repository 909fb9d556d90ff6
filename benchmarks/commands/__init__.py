"""Commands of the program `biograd` that measure and report; found by name, see
`biograd.commands.cli`.
"""
