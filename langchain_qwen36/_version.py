"""The only place where the version is defined; the build reads it here."""

__version__ = "0.1.0"
