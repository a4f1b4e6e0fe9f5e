"""The arena: a person says which of some pictures is best, without knowing how they were made."""
