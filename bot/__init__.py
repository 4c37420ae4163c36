"""runbook-bot: a page becomes a guided, guarded fix in a Slack thread."""
