"""The `users.*`, `usergroups.*`, `bots.*`, `team.*` and `auth.*` methods: who is who."""

from __future__ import annotations

from bot.sandbox.addresses import Addresses
from bot.sandbox.arguments import Args, page_of
from bot.sandbox.members import User
from bot.sandbox.protocol import Json, SlackError
from bot.sandbox.webapi import Method
from bot.sandbox.workspace import Workspace


class Directory:
    """Looks people up; emails show only with the `users:read.email` scope."""

    def __init__(self, workspace: Workspace, addresses: Addresses) -> None:
        self._workspace = workspace
        self._addresses = addresses

    def methods(self) -> dict[str, Method]:
        """By their Web API names."""
        return {
            "users.info": self._info,
            "users.list": self._list,
            "users.lookupByEmail": self._by_email,
            "usergroups.list": self._groups,
            "usergroups.users.list": self._group_users,
            "bots.info": self._bot,
            "team.info": self._team,
            "auth.test": self._test,
        }

    def _info(self, args: Args) -> Json:
        return {"user": self._shown(self._workspace.user(args.need("user")))}

    def _list(self, args: Args) -> Json:
        # Members of other workspaces are found by id, and are in nobody's list.
        own = [user for user in self._workspace.users.values() if not user.is_stranger]
        users, cursor = page_of(own, args, key=lambda user: user.id)
        shown = [self._shown(user) for user in users]
        return {"members": shown, "cache_ts": int(self._workspace.clock.now()),
                "response_metadata": {"next_cursor": cursor}}  # fmt: skip

    def _by_email(self, args: Args) -> Json:
        email = args.need("email").lower()
        for user in self._workspace.users.values():
            if user.email and user.email.lower() == email and not (user.is_deleted or user.is_stranger):
                return {"user": self._shown(user)}
        raise SlackError("users_not_found")

    def _groups(self, args: Args) -> Json:
        with_users, with_disabled = args.flag("include_users"), args.flag("include_disabled")
        return {
            "usergroups": [
                group.as_slack(team_id=self._workspace.team_id, with_users=with_users)
                for group in self._workspace.groups.values()
                if with_disabled or not group.is_disabled
            ]
        }

    def _group_users(self, args: Args) -> Json:
        group = self._workspace.groups.get(args.need("usergroup"))
        if group is None:
            raise SlackError("no_such_subteam")
        if group.is_disabled and not args.flag("include_disabled"):
            raise SlackError("subteam_disabled")
        return {"users": list(group.users)}

    def _bot(self, args: Args) -> Json:
        wanted = args.text("bot", self._workspace.app.bot_id)
        for app in self._workspace.apps.values():
            if app.bot_id == wanted:
                return {"bot": {**app.bot_profile(team_id=self._workspace.team_id), "user_id": app.user_id}}
        raise SlackError("bot_not_found")

    def _team(self, _args: Args) -> Json:
        team = {"id": self._workspace.team_id, "name": self._workspace.name, "domain": self._workspace.domain}
        return {"team": {**team, "url": self._addresses.root, "email_domain": "", "icon": {}}}

    def _test(self, _args: Args) -> Json:
        app = self._workspace.app
        return {
            "url": self._addresses.root,
            "team": self._workspace.name,
            "user": self._workspace.users[app.user_id].name,
            "team_id": self._workspace.team_id,
            "user_id": app.user_id,
            "bot_id": app.bot_id,
            "app_id": app.id,
            "is_enterprise_install": False,
        }

    def _shown(self, user: User) -> Json:
        with_email = "users:read.email" in self._workspace.app.scopes
        return user.as_slack(team_id=self._workspace.team_id, with_email=with_email)
