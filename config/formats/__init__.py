"""Format dates where no template does, mainly in the admin."""
