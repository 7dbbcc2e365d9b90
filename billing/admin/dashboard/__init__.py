"""Show the business figures on the admin's front page: key figures, charts, tables and downloads."""
