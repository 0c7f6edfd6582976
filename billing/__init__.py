"""What an organisation may do, and later what it pays."""
