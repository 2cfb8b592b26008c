"""One TOML file and the ``PROMESSA_…`` environment over it, validated once at the door."""

from core.config.loader import load_config
from core.config.models import Config

__all__ = ["Config", "load_config"]
