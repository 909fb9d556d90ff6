"""Sections of the report on the studies, from their records alone."""
