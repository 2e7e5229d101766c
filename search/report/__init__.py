"""What a study looks like: figures, one page, a dashboard, and a face in notebooks."""
