"""`runbookctl token`: a token for trying the API out, signed with the secret the bot was given."""

from __future__ import annotations

import getpass

import click

from bot.cli.output import put, tell
from bot.errors import SettingsError

MOST_HOURS = 24


@click.command()
@click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice(["viewer", "operator", "approver"]),
    default=("viewer",),
    show_default=True,
    help="viewer reads, operator starts and cancels, approver decides. May be given several times.",
)
@click.option(
    "--team",
    "teams",
    multiple=True,
    metavar="TEAM",
    help="Whose objects it sees. May be given several times.",
)
@click.option("--all-teams", is_flag=True, help="It sees the objects of every team.")
@click.option("--subject", default=getpass.getuser, show_default="you", help="What it is for.")
@click.option(
    "--email", default="", help="The member of the Slack workspace it speaks for; needed to decide."
)
@click.option("--name", default="", help="How it is called in threads.")
@click.option(
    "--hours",
    type=click.FloatRange(min=0, min_open=True, max=MOST_HOURS),
    default=1.0,
    show_default=True,
    help="How long.",
)
def token(
    *,
    roles: tuple[str, ...],
    teams: tuple[str, ...],
    all_teams: bool,
    subject: str,
    email: str,
    name: str,
    hours: float,
) -> None:
    """Mint a token for trying the API out; it goes to stdout, and what it may do to stderr.

    It needs BOT_JWT_SECRET as the bot has it (and BOT_JWT_ISSUER and BOT_JWT_AUDIENCE where they are set). Tokens for
    everyday use come from your own issuer, see BOT_JWT_JWKS_URL.
    """
    from datetime import UTC, datetime, timedelta

    from bot.api.auth import EVERY_TEAM, check_words, mint
    from bot.settings import Settings

    settings = Settings.load(to_serve=False)
    secret = settings.jwt_secret.get_secret_value()
    if not secret:
        raise SettingsError(
            "there is no secret to sign a token with", hint="set BOT_JWT_SECRET to what the bot was given"
        )
    seen = (EVERY_TEAM,) if all_teams else teams
    check_words(subject=subject, email=email, name=name)
    put(
        mint(
            secret.encode(),
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
            subject=subject,
            now=datetime.now(UTC),
            lifetime=timedelta(hours=hours),
            roles=roles,
            teams=seen,
            email=email,
            name=name,
        )
    )
    tell(f"for {subject}, {' and '.join(roles)}, {_whose(seen)}, good for {hours:g} h")
    if "approver" in roles and not email:
        tell("it decides nothing: give it --email of a member of the Slack workspace")


def _whose(teams: tuple[str, ...]) -> str:
    if teams == ("*",):
        return "every team's objects"
    return f"objects of {', '.join(teams)}" if teams else "no team's objects (give it --team or --all-teams)"
