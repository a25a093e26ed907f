"""What a run found, as a file: written while it runs, rendered for people, compared with another."""
