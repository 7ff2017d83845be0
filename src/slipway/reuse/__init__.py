"""Why a stage would run: what differs between what a stage last ran on and what is there now."""
