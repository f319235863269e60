"""Sockets, TLS and the clock: the only folder of the library that touches them."""
