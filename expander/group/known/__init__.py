"""The groups that this machine knows: the one last used in a folder, all groups, and Jobs that are gone."""
