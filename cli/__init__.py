"""The promessa command, the one place where everything is wired together."""
