"""The functions of CEL, a file for each library; every file has FUNCTIONS and METHODS."""
