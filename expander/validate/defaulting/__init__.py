"""defaulting."""
