"""How fast it is: each promise about speed measured beside a floor or a peer, printed, never asserted."""
