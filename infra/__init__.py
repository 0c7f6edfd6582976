"""Running it: embedded servers, stand-ins for the outside world, supervision. Imports nothing of ours."""
