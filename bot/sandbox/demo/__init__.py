"""The demo: a payments service that really breaks, a host reached over real SSH, PagerDuty's part, and the bot itself.

Unlike the rest of the sandbox it knows incidents and runbooks, because it is a story about them. `world.World` puts
it together; `auto` plays it without anybody, `command` runs it for somebody at a browser.
"""
