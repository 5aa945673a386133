"""What is served, and what its objects look like: discovery and OpenAPI documents."""
