"""Where steps run: in the process, in processes beside it, on ECS; and what happens when one is lost."""
