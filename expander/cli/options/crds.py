"""The options that name CustomResourceDefinitions and policies."""

from __future__ import annotations

import click

crds_option = click.option(
    "--crds",
    multiple=True,
    metavar="FILE|DIR",
    help="Validate custom resources by these CustomResourceDefinitions, CEL rules included.",
)

policies_option = click.option(
    "--policies",
    multiple=True,
    metavar="FILE|DIR",
    help="Apply these admission policies, Pod Security labels of Namespaces, LimitRanges and ResourceQuotas.",
)
