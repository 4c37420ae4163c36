"""The settings: the only reader of the environment, and the table that its README section is made from.

environment.py   `Settings`, and how it is loaded with everything wrong told at once
rows.py          every variable: what it is, where to get it, how its text is read
values.py        how the text of one variable becomes a value
"""

from bot.settings.environment import Settings, catalog_folder
from bot.settings.rows import ROWS, Row, readme_table

__all__ = ["ROWS", "Row", "Settings", "catalog_folder", "readme_table"]
