"""What an operator sees: metrics declared once, structured logs."""
