"""Records in, tables and differences out. Torch is never imported here."""
