"""A language model's opinion on a diagnosis: optional, read-only, limited, and held against the evidence.

    agent       asks, and never fails           wording   items as a model sees them, its words as people may see them
    prompt      what a model is told            judging   what of its answer holds
    looks     what it may look at             opinion   the result, plain data
    gate        the way out, with its limits    asking    the only module that knows a library for models

What a model says is an opinion: it changes no finding, starts nothing, and proposes nothing.
"""

from bot.diagnosis.agent.agent import Agent
from bot.diagnosis.agent.limits import Endpoint, Limits
from bot.diagnosis.agent.looks import Looks
from bot.diagnosis.agent.opinion import Offer, Opinion

__all__ = ["Agent", "Endpoint", "Limits", "Looks", "Offer", "Opinion"]
