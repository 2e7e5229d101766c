"""The textbook's questions as studies: each answer is computed, written down with its figures, and tested."""
