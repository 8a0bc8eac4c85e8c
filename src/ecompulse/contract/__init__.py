"""What an event is: declared once in `event`, everything else derived from it."""
