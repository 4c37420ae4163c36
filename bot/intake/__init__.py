"""What happened: signals from outside become incidents, and incidents are matched with runbooks."""
