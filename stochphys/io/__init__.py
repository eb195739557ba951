"""Files as people have them: into data, and safely onto the disk."""
