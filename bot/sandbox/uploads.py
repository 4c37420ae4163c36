"""The `files.*` methods and the upload URL: promise, bytes, completion, and sharing a moment later.

`files.completeUploadExternal` answers before the file is in any channel; the message comes afterwards, as in
Slack, where looking for it at once finds nothing.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from bot.sandbox import limits
from bot.sandbox.addresses import Addresses
from bot.sandbox.arguments import Args
from bot.sandbox.files import File
from bot.sandbox.members import Channel
from bot.sandbox.protocol import Json, SlackError
from bot.sandbox.webapi import Method
from bot.sandbox.workspace import Workspace

ALT_LIMIT = 1000


class Uploads:
    """Takes files from the app and shares them `share_delay_s` later."""

    def __init__(self, workspace: Workspace, addresses: Addresses, *, share_delay_s: float) -> None:
        self._workspace = workspace
        self._addresses = addresses
        self._share_delay_s = share_delay_s

    def methods(self) -> dict[str, Method]:
        """By their Web API names."""
        return {
            "files.getUploadURLExternal": self._promise,
            "files.completeUploadExternal": self._complete,
            "files.info": self._info,
        }

    def _promise(self, args: Args) -> Json:
        workspace = self._workspace
        name, length = args.need("filename"), args.need("length")
        if not length.isdecimal() or int(length) < 1:
            raise SlackError("invalid_arguments", "must be a whole number above 0 [json-pointer:/length]")
        file = File(
            id=workspace.new_id("F"),
            name=name,
            length=int(length),
            user=workspace.app.user_id,
            alt_txt=args.text("alt_txt")[:ALT_LIMIT],
            created=int(workspace.clock.now()),
        )
        workspace.files.promise(file)
        return {"upload_url": self._addresses.upload(file.id), "file_id": file.id}

    async def receive(self, request: web.Request) -> web.StreamResponse:
        """The bytes, as a raw body or the first part of a form."""
        try:
            file = self._workspace.files.get(request.match_info["file_id"])
        except SlackError:
            return web.Response(status=404, text="no such upload")
        if request.content_type.startswith("multipart/"):
            parts = [one for one in (await request.post()).values() if isinstance(one, web.FileField)]
            if not parts:
                return web.Response(status=400, text="no file in the form")
            file.content = parts[0].file.read()
        else:
            file.content = await request.read()
        return web.Response(text=f"OK - {len(file.content)}")

    async def download(self, request: web.Request) -> web.StreamResponse:
        """`url_private`; the caller has checked the token."""
        file = self._workspace.files.get(request.match_info["file_id"])
        return web.Response(body=file.content or b"", content_type=file.mimetype)

    def _complete(self, args: Args) -> Json:
        given = args.value("files")
        if not isinstance(given, list) or not given:
            raise SlackError("invalid_arguments", "missing required field: files")
        blocks = args.value("blocks")
        limits.check_blocks(blocks)
        files = [self._completed(one) for one in given]
        channels = [self._shareable(one) for one in args.words("channel_id") or args.words("channels")]
        comment, thread_ts = args.text("initial_comment"), args.text("thread_ts") or None
        if channels:
            self._workspace.clock.call_later(
                self._share_delay_s,
                lambda: self._share(files, channels, text=comment, thread_ts=thread_ts, blocks=blocks),
            )
        return {"files": [self._shown(file) for file in files]}

    def _info(self, args: Args) -> Json:
        return {"file": self._shown(self._workspace.files.get(args.need("file"))), "comments": []}

    def _completed(self, given: Any) -> File:
        if not isinstance(given, dict) or not given.get("id"):
            raise SlackError("invalid_arguments", "missing required field: id [json-pointer:/files/0]")
        file = self._workspace.files.get(str(given["id"]))
        if file.content is None:
            raise SlackError("file_not_found")
        file.title = str(given.get("title") or file.name)
        return file

    def _shareable(self, named: str) -> Channel:
        app = self._workspace.app
        if named in self._workspace.users:
            return self._workspace.direct_message(app.user_id, named)
        channel = self._workspace.channel(named, for_user=app.user_id)
        if app.user_id not in channel.members:
            raise SlackError("not_in_channel")
        return channel

    def _share(
        self,
        files: list[File],
        channels: list[Channel],
        *,
        text: str,
        thread_ts: str | None,
        blocks: list[Json] | None,
    ) -> None:
        for channel in channels:
            known = (
                thread_ts if thread_ts and self._workspace.messages.root_of(channel.id, thread_ts) else None
            )
            message = self._workspace.post(
                channel,
                sender=self._workspace.app,
                text=text,
                thread_ts=known,
                blocks=blocks,
                subtype="file_share",
                files=[self._shown(file) for file in files],
                upload=True,
            )
            for file in files:
                share = {"ts": message["ts"]} | ({"thread_ts": message["thread_ts"]} if known else {})
                file.shares.setdefault(channel.id, []).append(share)

    def _shown(self, file: File) -> Json:
        return file.as_slack(base_url=self._addresses.root)
