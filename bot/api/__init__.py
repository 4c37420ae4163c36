"""The door programs use: signed webhooks, events with a token, health."""
