"""Who and what a workspace has: people, channels, user groups and apps, each able to show itself as Slack would."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.sandbox.protocol import Json

PAGERDUTY_APP_ID = "A1FKYAUUX"
"""PagerDuty's own app in the Slack marketplace: the same in every workspace."""

MANIFEST_SCOPES = (
    "chat:write",
    "commands",
    "app_mentions:read",
    "channels:history",
    "groups:history",
    "channels:read",
    "groups:read",
    "files:write",
    "usergroups:read",
    "users:read",
    "users:read.email",
    "im:write",
)
MANIFEST_EVENTS = (
    "app_mention",
    "app_home_opened",
    "message.channels",
    "message.groups",
    "member_joined_channel",
    "subteam_updated",
    "subteam_members_changed",
)


@dataclass(frozen=True, kw_only=True)
class User:
    """A member. A guest has `is_restricted` (many channels) or `is_ultra_restricted` (one channel); a member of
    another workspace has `is_stranger` and, usually, that workspace's `team_id`.
    """

    id: str
    name: str
    real_name: str = ""
    email: str | None = None
    title: str = ""
    color: str = "4bbe2e"
    tz: str = "Etc/UTC"
    is_bot: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_stranger: bool = False
    is_deleted: bool = False
    is_admin: bool = False
    team_id: str | None = None
    bot_id: str | None = None
    app_id: str | None = None

    def as_slack(self, *, team_id: str, with_email: bool) -> Json:
        """A `user` object; the email only for an app with the `users:read.email` scope."""
        profile: Json = {
            "real_name": self.real_name or self.name,
            "display_name": self.name,
            "title": self.title,
            "team": self.team_id or team_id,
        }
        if self.email is not None and with_email:
            profile["email"] = self.email
        if self.is_bot:
            profile["bot_id"] = self.bot_id
            profile["api_app_id"] = self.app_id
        shown: Json = {
            "id": self.id,
            "team_id": self.team_id or team_id,
            "name": self.name,
            "real_name": self.real_name or self.name,
            "deleted": self.is_deleted,
            "color": self.color,
            "tz": self.tz,
            "tz_label": "Coordinated Universal Time",
            "tz_offset": 0,
            "profile": profile,
            "is_admin": self.is_admin,
            "is_owner": False,
            "is_primary_owner": False,
            "is_restricted": self.is_restricted,
            "is_ultra_restricted": self.is_ultra_restricted,
            "is_bot": self.is_bot,
            "is_app_user": False,
            "updated": 1700000000,
        }
        if self.is_stranger:
            shown["is_stranger"] = True
        return shown


@dataclass(kw_only=True)
class Channel:
    """A conversation: public unless `is_private`; with `is_im` a direct message of its two members."""

    id: str
    name: str
    topic: str = ""
    is_private: bool = False
    is_im: bool = False
    is_archived: bool = False
    members: list[str] = field(default_factory=list)
    created: int = 1700000000

    @property
    def kind(self) -> str:
        """How event and scope names call it: `channels`, `groups` or `im`."""
        return "im" if self.is_im else "groups" if self.is_private else "channels"

    @property
    def channel_type(self) -> str:
        """How a message event calls it."""
        return "im" if self.is_im else "group" if self.is_private else "channel"

    def as_slack(self, *, for_user: str) -> Json:
        """A conversation object as `for_user` sees it."""
        if self.is_im:
            other = next((member for member in self.members if member != for_user), for_user)
            return {"id": self.id, "created": self.created, "is_im": True, "is_archived": False, "user": other,
                    "is_org_shared": False, "is_user_deleted": False}  # fmt: skip
        return {
            "id": self.id,
            "name": self.name,
            "name_normalized": self.name,
            "is_channel": not self.is_private,
            "is_group": self.is_private,
            "is_im": False,
            "is_mpim": False,
            "is_private": self.is_private,
            "is_archived": self.is_archived,
            "is_general": False,
            "is_shared": False,
            "is_ext_shared": False,
            "is_org_shared": False,
            "created": self.created,
            "is_member": for_user in self.members,
            "topic": {"value": self.topic, "creator": "", "last_set": 0},
            "purpose": {"value": "", "creator": "", "last_set": 0},
            "num_members": len(self.members),
        }


@dataclass(kw_only=True)
class UserGroup:
    """People one can mention at once."""

    id: str
    handle: str
    name: str
    users: list[str] = field(default_factory=list)
    is_disabled: bool = False
    updated_at: int = 1700000000

    def as_slack(self, *, team_id: str, with_users: bool) -> Json:
        """A `usergroup` (in events: `subteam`) object."""
        shown: Json = {
            "id": self.id,
            "team_id": team_id,
            "is_usergroup": True,
            "is_subteam": True,
            "name": self.name,
            "description": "",
            "handle": self.handle,
            "is_external": False,
            "date_create": 1700000000,
            "date_update": self.updated_at,
            "date_delete": self.updated_at if self.is_disabled else 0,
            "auto_type": None,
            "user_count": len(self.users),
        }
        if with_users:
            shown["users"] = list(self.users)
        return shown


@dataclass(frozen=True, kw_only=True)
class SlashCommand:
    """A command as the composer offers it; `command` with its slash."""

    command: str
    description: str = ""
    usage_hint: str = ""


@dataclass(frozen=True, kw_only=True)
class Shortcut:
    """A shortcut: `kind` is `global` (the composer's menu) or `message` (a message's menu)."""

    kind: str
    callback_id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class App:
    """An installed app and the bot user it posts as; ours also has scopes, events, commands and shortcuts."""

    id: str
    name: str
    user_id: str
    bot_id: str
    scopes: tuple[str, ...] = MANIFEST_SCOPES
    events: tuple[str, ...] = MANIFEST_EVENTS
    commands: tuple[SlashCommand, ...] = ()
    shortcuts: tuple[Shortcut, ...] = ()

    def bot_profile(self, *, team_id: str) -> Json:
        """What a message of this app carries about its sender."""
        return {
            "id": self.bot_id,
            "deleted": False,
            "name": self.name,
            "updated": 1700000000,
            "app_id": self.id,
            "icons": {},
            "team_id": team_id,
        }
