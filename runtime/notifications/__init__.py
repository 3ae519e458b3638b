"""Tells people what they should know at once, and listens to them: a webhook, and a chat on Telegram."""
