"""Deployment: images, Dagster instances, CloudFormation stacks, and the tools that check the stacks offline."""
