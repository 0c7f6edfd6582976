"""Found by procrastinate: importing the modules declares their jobs."""

from tenants import mail, organizations, provisioning, rescuing, sweeping
from tenants.people import workspaces

__all__ = ["mail", "organizations", "provisioning", "rescuing", "sweeping", "workspaces"]
