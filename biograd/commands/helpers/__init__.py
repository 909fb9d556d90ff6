"""Code that several commands share; no command is defined here."""
