"""Recurrent layers: loops over time in native code, with the state's matrix packed once a sequence."""
