"""A local Slack: the Web API, Socket Mode, signed delivery and a page, with Slack's own limits and faults.

The bot talks to it exactly as to Slack; only the base URL differs. What lives here knows Slack's rules and
nothing of incidents, runs or runbooks: those are the bot's. `server.Sandbox` puts the parts together.
"""
