"""The door people use: what the thread says (pure) and how Slack is told and heard (the rest).

`ids`, `text`, `blocks`, `views`, `message`, `thread` and `transcript` are pure and load no Slack library;
only the modules that talk to Slack import `slack_bolt` and `slack_sdk`.
"""
