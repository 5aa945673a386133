"""Templates in Jinja2: what an expression prints is kept apart from the text around it."""
