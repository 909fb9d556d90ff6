"""Maps that fire event by event, and the choice between events and products."""
