"""The database backend (ENGINE = "tenants.db"). Kept free of models: Django loads it before any app is ready."""
