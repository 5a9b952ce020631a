"""How bytes are cut: byte sources, containers and wire formats. No meaning here."""
