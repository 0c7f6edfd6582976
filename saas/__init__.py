"""The project: settings, addresses, the launcher. Wires everything; nothing imports it."""
