"""The demo's shop: products drawn by code, in several views, with a catalogue."""
