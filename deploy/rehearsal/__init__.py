"""The rehearsal: the real deployer against an AWS that is simulated on this machine, with tasks that really run."""
