"""The version of modelport."""

VERSION = "0.1.0"
