"""The API server's verdict on custom resources, from their CustomResourceDefinitions."""
