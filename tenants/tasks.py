"""Found by procrastinate: importing the modules declares their jobs."""

from tenants import mail, organizations, provisioning, sweeping
from tenants.people import workspaces

__all__ = ["mail", "organizations", "provisioning", "sweeping", "workspaces"]
