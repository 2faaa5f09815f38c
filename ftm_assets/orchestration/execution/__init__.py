"""Where steps run (in the run's process, in child processes, on ECS) and what happens when one is lost."""
