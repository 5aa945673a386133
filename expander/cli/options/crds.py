"""The option that names CustomResourceDefinitions."""

from __future__ import annotations

import click

crds_option = click.option(
    "--crds",
    multiple=True,
    metavar="FILE|DIR",
    help="Validate custom resources by these CustomResourceDefinitions, CEL rules included.",
)
